/** The reporter for this process: its stdout, its stderr, and the log outlets of the config. */
import { platform } from "node:os";
import { Chalk } from "chalk";
import type { LogOutlet, StderrOutlet } from "../config/global-config.ts";
import type { LogLevel, Reporter } from "./events.ts";
import type { LogFormat } from "./log-format.ts";
import { lineText, ProgressBoard } from "./progress-board.ts";
import type { RemoteOutlet } from "./remote-outlet.ts";
import { createReporter } from "./reporter.ts";
import { isJournal, stderrOutlet } from "./stderr-outlet.ts";
import { processTally } from "./tally.ts";

export interface TerminalOptions {
  readonly json: boolean;
  /** Of stderr, from the command line; undefined = as `logging` says. */
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: LogFormat | undefined;
  readonly color: boolean;
  readonly quiet: boolean;
  readonly logging: readonly LogOutlet[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Who sends one of these wants to know how far it is. SIGINFO is Ctrl-T where it exists. */
const PROGRESS_SIGNALS: readonly NodeJS.Signals[] = [
  "SIGUSR1",
  ...(platform() === "freebsd" ? ["SIGINFO" as const] : []),
];

/** `close` waits a moment for the last log lines. */
export async function createTerminalReporter(
  options: TerminalOptions,
): Promise<{ readonly reporter: Reporter; readonly close: () => Promise<void> }> {
  const { stdout, stderr } = process;
  const configured = options.logging.find((outlet) => outlet.type === "stdout");
  const logFormat = options.logFormat ?? configured?.format ?? "human";
  // A serial console may say that it has 0 columns; ora would count infinitely many lines to clear.
  const terminal = stderr.isTTY === true && stderr.columns > 0 && logFormat === "human";
  const nowMs = () => Date.now();
  const board = new ProgressBoard();
  const display =
    terminal && !options.quiet
      ? (await import("./progress.ts")).createProgressDisplay(stderr, board, nowMs)
      : undefined;
  const showBoard = () => {
    const write = () =>
      stderr.write(
        board
          .lines(nowMs())
          .map((line) => `${lineText(line)}\n`)
          .join(""),
      );
    if (display === undefined) write();
    else display.around(write);
  };
  for (const signal of PROGRESS_SIGNALS) process.on(signal, showBoard);
  const level = stderrLevel(options, configured?.level);
  const remote = await openRemoteOutlets(options.logging);
  const reporter = createReporter({
    ...{
      stdout,
      json: options.json,
      logLevel: options.logLevel ?? "info",
      quiet: options.quiet,
      board,
      display,
      nowMs,
    },
    outlets: [...(level === undefined ? [] : [onStderr(level, logFormat, terminal, configured, options)]), ...remote],
    paintPlan: planPaint(options.color && stdout.isTTY === true),
    observe: (event) => processTally.add(event),
  });
  const close = async () => {
    for (const signal of PROGRESS_SIGNALS) process.off(signal, showBoard);
    display?.stop();
    for (const problem of await Promise.all(remote.map((outlet) => outlet.close())))
      if (problem !== undefined) stderr.write(`zrepl-run: warning: ${problem}\n`);
  };
  return { reporter, close };
}

/** Without a stdout outlet stderr gets nothing; but who sits at a terminal sees what goes wrong. */
function stderrLevel({ logLevel, quiet }: TerminalOptions, configured: LogLevel | undefined): LogLevel | undefined {
  const level = logLevel ?? configured ?? (process.stderr.isTTY === true ? "warn" : undefined);
  return quiet && level !== undefined && level !== "error" ? "warn" : level;
}

function onStderr(
  level: LogLevel,
  logFormat: LogFormat,
  terminal: boolean,
  configured: StderrOutlet | undefined,
  { color, env }: TerminalOptions,
) {
  const { stderr } = process;
  const chalk = new Chalk({ level: terminal && color && configured?.color !== false ? 1 : 0 });
  const colors = { debug: chalk.gray, info: chalk.green, warn: chalk.yellow, error: chalk.red };
  const paint = (of: LogLevel, text: string) => colors[of](text);
  const priorities = isJournal(env["JOURNAL_STREAM"], stderr.fd);
  const time = !terminal && !priorities && configured?.time !== false;
  return stderrOutlet({ stderr, level, logFormat, paint, priorities, time });
}

function planPaint(color: boolean): Reporter["paintPlan"] {
  if (!color) return undefined;
  const chalk = new Chalk({ level: 1 });
  const fates = { keep: chalk.green, destroy: chalk.red, held: chalk.yellow };
  return (fate, text) => fates[fate](text);
}

async function openRemoteOutlets(logging: readonly LogOutlet[]): Promise<RemoteOutlet[]> {
  const outlets: RemoteOutlet[] = [];
  for (const outlet of logging) {
    if (outlet.type === "syslog") outlets.push((await import("./syslog-outlet.ts")).syslogOutlet(outlet));
    if (outlet.type === "tcp") outlets.push((await import("./tcp-outlet.ts")).tcpOutlet(outlet));
  }
  return outlets;
}
