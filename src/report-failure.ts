import type { Writable } from "node:stream";
import { inspect } from "node:util";
import { ConfigError, EXIT, type ExitCode, hintOf, InterruptedError, MonitorAlarm, ZreplRunError } from "./errors.ts";
import { CONTRACT, type Event } from "./report/events.ts";
import { processTally } from "./report/tally.ts";

/** Prints a failure for the operator, ends `--json`, and returns the exit code. Called once, from cli.ts. */
export function reportFailure(
  error: unknown,
  json: boolean,
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
): ExitCode {
  const ours = error instanceof ZreplRunError;
  if (ours) stderr.write(`${describeFailure(error)}\n`);
  else stderr.write(`zrepl-run: internal error, please report\n${inspect(error)}\n`);
  const exitCode = exitCodeOf(error);
  if (json) writeEnd(stdout, exitCode, whyOf(error));
  return exitCode;
}

/**
 * The same for `monitor`, whose output is a plug-in's: what it can't tell is UNKNOWN, 3, whatever the reason is.
 */
export function reportAlarm(error: unknown, json: boolean, stdout: Writable): ExitCode {
  const isAlarm = error instanceof MonitorAlarm;
  const exitCode = isAlarm || error instanceof InterruptedError ? error.exitCode : EXIT.partial;
  const { error: message, hint } = whyOf(error);
  const lines = hint === undefined ? message : `${message}\n${hint}`;
  const text = isAlarm ? message : `UNKNOWN: ${lines.replaceAll("|", "/")}`;
  if (json) writeEnd(stdout, exitCode, { error: text });
  else stdout.write(`${text}\n`);
  return exitCode;
}

/** The last line of `--json` when all went well. */
export function reportSuccess(json: boolean, stdout: Writable): void {
  if (json) writeEnd(stdout, EXIT.ok, {});
}

/** What a failure means to whoever called us. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof ZreplRunError ? error.exitCode : EXIT.failed;
}

/** Message and hint of a failure, as events have them. */
export function whyOf(error: unknown): { readonly error: string; readonly hint?: string } {
  return { error: error instanceof Error ? error.message : String(error), ...hintOf(error) };
}

function writeEnd(
  stdout: Writable,
  exitCode: ExitCode,
  why: { readonly error?: string; readonly hint?: string },
): void {
  const { counts, planned } = processTally;
  const time = new Date().toISOString();
  const seconds = Math.round(process.uptime() * 1000) / 1000;
  const end: Event = {
    ...{ event: "end", v: CONTRACT, exitCode, seconds, time, counts },
    ...(planned === undefined ? {} : { planned }),
    ...why,
  };
  stdout.write(`${JSON.stringify(end)}\n`);
}

function describeFailure(error: ZreplRunError): string {
  const lines = error instanceof ConfigError ? error.problems : [`zrepl-run: ${error.message}`];
  return [...lines, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])].join("\n");
}
