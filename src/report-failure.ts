import type { Writable } from "node:stream";
import { inspect } from "node:util";
import { ConfigError, EXIT, type ExitCode, ZreplRunError } from "./errors.ts";
import type { Event } from "./report/events.ts";

/** Prints a failure for the operator, ends `--json`, and returns the exit code. Called once, from cli.ts. */
export function reportFailure(
  error: unknown,
  json: boolean,
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
): ExitCode {
  const ours = error instanceof ZreplRunError;
  if (ours) stderr.write(`${describeFailure(error)}\n`);
  else stderr.write(`zrepl-run: internal error, please report\n${inspect(error)}\n`);
  const exitCode = ours ? error.exitCode : EXIT.failed;
  const hint = ours && error.hint !== undefined ? { hint: error.hint } : {};
  const end: Event = { event: "end", exitCode, error: error instanceof Error ? error.message : String(error), ...hint };
  if (json) stdout.write(`${JSON.stringify(end)}\n`);
  return exitCode;
}

/** The last line of `--json` when all went well. */
export function reportSuccess(json: boolean, stdout: Writable): void {
  const end: Event = { event: "end", exitCode: EXIT.ok };
  if (json) stdout.write(`${JSON.stringify(end)}\n`);
}

function describeFailure(error: ZreplRunError): string {
  const lines = error instanceof ConfigError ? error.problems : [`zrepl-run: ${error.message}`];
  return [...lines, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])].join("\n");
}
