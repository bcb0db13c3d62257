/** What a stream can show, and the renderer that fits. */
import { Chalk } from "chalk";
import type { Health } from "../report/status-events.ts";
import { renderPlain } from "./plain.ts";
import type { JobSummary } from "./summarize.ts";
import { renderTable } from "./table.ts";

export interface Terminal {
  readonly isTerminal: boolean;
  /** The width is asked for each time: it may change. */
  render(summaries: readonly JobSummary[], nowSec: number): string[];
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function terminalOf(
  stdout: Stream,
  { color, quiet }: { readonly color: boolean; readonly quiet: boolean },
  env: Environment,
): Terminal {
  const isTerminal = stdout.isTTY === true && env["TERM"] !== "dumb";
  if (!isTerminal)
    return {
      isTerminal,
      render: (summaries, nowSec) => summaries.flatMap((summary) => renderPlain(summary, { nowSec, quiet })),
    };
  const chalk = new Chalk({ level: color ? 1 : 0 });
  const colors = { failed: chalk.red, warning: chalk.yellow, unknown: chalk.yellow, behind: chalk.cyan };
  const others = { running: chalk.cyan, ok: chalk.green };
  const paint = (health: Health, text: string) => ({ ...colors, ...others })[health](text);
  const unicode = /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");
  // a serial console may say that it has 0 columns
  const columns = () => stdout.columns || 80;
  return {
    isTerminal,
    render: (summaries, nowSec) => renderTable(summaries, { nowSec, quiet, columns: columns(), unicode, paint }),
  };
}
