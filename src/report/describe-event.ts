/** Every event in words: a log record for stderr, a result for stdout, or both. Pure. */
import { unreachable } from "../unreachable.ts";
import type { Event, LogLevel } from "./events.ts";
import { count, formatBytes, formatDuration, formatTime } from "./format.ts";

export interface LogRecord {
  readonly level: LogLevel;
  readonly job?: string | undefined;
  readonly subsystem?: string | undefined;
  readonly filesystem?: string | undefined;
  /** `n/m` of a step. */
  readonly step?: string | undefined;
  /** For people, so it names the filesystem as well. */
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

export interface Described {
  readonly log?: LogRecord;
  /** `optional`: left out with `--quiet`. */
  readonly result?: { readonly text: string; readonly optional: boolean };
}

const SUBSYSTEM = { snapshot: "snapshot", replicate: "repl", prune: "pruning", restore: "restore" } as const;

export function describeEvent(event: Event): Described {
  switch (event.event) {
    case "log": {
      const { level, job, message, filesystem, step } = event;
      const named = filesystem === undefined || message.includes(filesystem);
      return { log: { level, job, filesystem, step, message: named ? message : `${filesystem}: ${message}` } };
    }
    case "snapshotTaken":
      return {
        log: {
          level: "info",
          job: event.job,
          subsystem: "snapshot",
          filesystem: event.filesystem,
          message: `created snapshot ${event.filesystem}@${event.name}`,
        },
      };
    case "hookDone":
      return { log: describeHook(event) };
    case "stepStarted":
      return {
        log: { level: "info", ...aboutStep(event), message: `${event.filesystem}: ${stepText(event)}` },
      };
    case "stepDone":
      return {
        log: {
          level: "info",
          ...aboutStep(event),
          message: `${event.filesystem}: ${event.to} received, ${formatBytes(event.bytes)} in ${formatDuration(event.seconds)}`,
        },
      };
    case "filesystemFailed":
      return {
        log: {
          level: "error",
          job: event.job,
          subsystem: SUBSYSTEM[event.phase],
          filesystem: event.filesystem,
          message: `${event.filesystem}: ${event.message}${event.hint === undefined ? "" : `\n  hint: ${event.hint}`}`,
        },
      };
    case "snapshotDestroyed":
      return {
        log: {
          level: "info",
          job: event.job,
          subsystem: "pruning",
          filesystem: event.filesystem,
          message: `destroyed ${event.filesystem}@${event.name} on ${event.side}`,
        },
      };
    case "snapshotKept":
      return {
        log: {
          level: "info",
          job: event.job,
          subsystem: "pruning",
          filesystem: event.filesystem,
          message: `kept ${event.filesystem}@${event.name} on ${event.side}: ${event.reason}`,
        },
      };
    case "planText":
      return { result: { text: event.text, optional: false } };
    case "plannedSnapshot":
    case "plannedStep":
    case "plannedConflict":
    case "plannedPrune":
    case "plannedPruneFilesystem":
    case "filesystemStatus":
    case "jobStatus":
    case "monitorResult":
      return {};
    case "abstraction":
      return describeAbstractionEvent(event);
    case "verified":
      return { result: { text: verifiedText(event), optional: event.problems.length + event.unknown.length === 0 } };
    case "restorable":
      return { result: { text: restorableText(event), optional: false } };
    case "phaseDone":
      return { result: { text: `${event.job}: ${event.summary}`, optional: true } };
    case "checked":
      return { result: { text: checkText(event), optional: event.status === "ok" } };
    case "start":
    case "jobDone":
    case "config":
    case "version":
    case "end":
      return {};
    default:
      return unreachable(event);
  }
}

function aboutStep({ job, filesystem, step, steps }: Extract<Event, { event: "stepStarted" | "stepDone" }>) {
  return { job, subsystem: "repl", filesystem, step: `${step}/${steps}` };
}

function describeAbstractionEvent({
  action,
  text,
  state,
  reason,
  message,
}: Extract<Event, { event: "abstraction" }>): Described {
  const why = reason === undefined ? "" : ` (${state}: ${reason})`;
  switch (action) {
    case "found":
      return { result: { text: text + why, optional: false } };
    case "planned":
      return { result: { text: `would release ${text}${why}`, optional: false } };
    case "released":
      return { result: { text: `released ${text}${why}`, optional: true } };
    case "failed":
      return { log: { level: "error", message: `cannot release ${text}: ${message}` } };
  }
}

function verifiedText(event: Extract<Event, { event: "verified" }>): string {
  const { filesystem, identical, contents, problems, unknown, notes } = event;
  const content = contents.length === 0 ? "" : `, content of ${contents.map((name) => `@${name}`).join(" ")} identical`;
  const head = `${filesystem}: ${count(identical, "version")} identical by guid${content}`;
  const lines = [...problems.map((text) => `  FAIL ${text}`), ...unknown.map((text) => `  ?    ${text}`)];
  return [head, ...lines, ...notes.map((text) => `  note ${text}`)].join("\n");
}

function restorableText({ filesystem, replica, snapshots }: Extract<Event, { event: "restorable" }>): string {
  const lines = snapshots.map(({ name, creationSec }) => `  ${formatTime(creationSec)}  @${name}`);
  return [`${filesystem}, from ${replica}`, ...lines].join("\n");
}

function stepText(event: Extract<Event, { event: "stepStarted" }>): string {
  const what = event.from === undefined ? `full ${event.to}` : `${event.from} → ${event.to}`;
  return `${event.resumed ? "resuming" : "sending"} ${what} (step ${event.step} of ${event.steps})`;
}

function checkText({ status, detail, remedy }: Extract<Event, { event: "checked" }>): string {
  const mark = status === "fail" ? "FAIL" : status.padEnd(4);
  return `${mark} ${detail}${remedy === undefined ? "" : `; ${remedy}`}`;
}

function describeHook(event: Extract<Event, { event: "hookDone" }>): LogRecord {
  const { job, filesystem, hook, type, status, message } = event;
  const subsystem = type.endsWith("_snapshot") ? "hook" : "repl";
  const about = { job, subsystem, filesystem };
  const what = `${filesystem === undefined ? "" : `${filesystem}: `}${type} hook ${hook}`;
  if (status === "failed") return { level: "error", ...about, message: `${what}: ${message}` };
  if (status === "ok") return { level: "debug", ...about, message: `${what} succeeded` };
  const why =
    status === "skippedDueToPreError" ? "its pre hook failed" : "something before it failed or was interrupted";
  return { level: "info", ...about, message: `${what} skipped: ${why}` };
}
