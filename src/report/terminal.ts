/** The reporter for this process's own stdout and stderr. */
import { Chalk } from "chalk";
import type { LogLevel, Reporter } from "./events.ts";
import type { LogFormat } from "./log-format.ts";
import { createReporter } from "./reporter.ts";
import { processTally } from "./tally.ts";

export interface TerminalOptions {
  readonly json: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly color: boolean;
  readonly quiet: boolean;
}

export async function createTerminalReporter(
  options: TerminalOptions,
): Promise<{ reporter: Reporter; close: () => void }> {
  const { stdout, stderr } = process;
  // A serial console may say that it has 0 columns; ora would count infinitely many lines to clear.
  const terminal = stderr.isTTY === true && stderr.columns > 0 && options.logFormat === "human";
  const nowMs = () => Date.now();
  const display =
    terminal && !options.quiet ? (await import("./progress.ts")).createProgressDisplay(stderr, nowMs) : undefined;
  const chalk = new Chalk({ level: options.color && terminal ? 1 : 0 });
  const colors = { debug: chalk.gray, info: chalk.green, warn: chalk.yellow, error: chalk.red };
  const paint = (level: LogLevel, text: string) => colors[level](text);
  const results = new Chalk({ level: options.color && stdout.isTTY === true ? 1 : 0 });
  const fates = { keep: results.green, destroy: results.red, held: results.yellow };
  const paintPlan = results.level === 0 ? undefined : (fate: keyof typeof fates, text: string) => fates[fate](text);
  const reporter = createReporter({
    ...{ ...options, stdout, stderr, time: !terminal, paint, paintPlan, display, nowMs },
    observe: (event) => processTally.add(event),
  });
  return { reporter, close: () => display?.stop() };
}
