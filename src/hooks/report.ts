/** What hooks do, as events. */

import type { Reporter } from "../report/events.ts";
import type { HookType } from "./environment.ts";
import type { HookStep } from "./stack.ts";

/** A hook's stdout is logged as info, its stderr as warning, as zrepl does. */
export function reportHookLine(job: string, reporter: Reporter, filesystem?: string) {
  return (hook: string, stream: "stdout" | "stderr", line: string): void =>
    reporter.emit({
      event: "log",
      level: stream === "stdout" ? "info" : "warn",
      job,
      ...(filesystem === undefined ? {} : { filesystem }),
      message: `hook ${hook}: ${line}`,
    });
}

/** Tells of an edge that ran or was skipped; what is inside the hooks tells of itself. */
export function reportHookStep(
  job: string,
  types: Readonly<Record<"pre" | "post", HookType>>,
  step: HookStep,
  reporter: Reporter,
  filesystem?: string,
): void {
  if (step.edge === "callback" || step.hook === undefined) return;
  reporter.emit({
    event: "hookDone",
    job,
    ...(filesystem === undefined ? {} : { filesystem }),
    hook: step.hook,
    type: types[step.edge],
    status: step.status,
    ...(step.error === undefined ? {} : { message: step.error.message }),
    seconds: step.seconds,
  });
}
