/**
 * The error classes that stop a story. Outcomes that a planner can foresee (up to date, conflict) are values in its
 * plan, not errors. Each class knows its exit code (design.md §3) and, where there is one, what the operator can do.
 */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  nothingMatched: 4,
  locked: 75,
  sigint: 130,
  sigterm: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Base of all errors that are the operator's business; anything else that is thrown is a bug of ours. */
export abstract class ZreplRunError extends Error {
  abstract readonly exitCode: ExitCode;
  /** What to do about it, one sentence, without "hint:". */
  readonly hint: string | undefined;

  constructor(message: string, options?: { readonly cause?: unknown; readonly hint?: string }) {
    super(message, options);
    this.name = new.target.name;
    this.hint = options?.hint;
  }
}

/** Nothing useful could be done: zfs missing, pool not imported, peer unreachable, planning failed. */
export class FailedError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
}

/** The command line is wrong; nothing was touched. */
export class UsageError extends ZreplRunError {
  readonly exitCode = EXIT.usage;
}

/** The config is wrong; nothing was touched. `problems` has one line per problem, position first. */
export class ConfigError extends ZreplRunError {
  readonly exitCode = EXIT.usage;
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: { readonly cause?: unknown; readonly hint?: string }) {
    super(problems.join("\n"), options);
    this.problems = problems;
  }
}

/** No config is named, and none is where one could be. */
export class NoConfigError extends ConfigError {}

/** Some filesystems failed, the others are done. */
export class PartialFailure extends ZreplRunError {
  readonly exitCode = EXIT.partial;
}

/** The filter matched no filesystem. */
export class NothingMatchedError extends ZreplRunError {
  readonly exitCode = EXIT.nothingMatched;
}

/** Another invocation holds the lock (EX_TEMPFAIL). */
export class LockedError extends ZreplRunError {
  readonly exitCode = EXIT.locked;
}

/** `monitor` has found something, or nothing at all; its exit code is a plug-in's. `message` is the plug-in's output. */
export class MonitorAlarm extends ZreplRunError {
  readonly exitCode: 1 | 2 | 3;

  constructor(message: string, exitCode: 1 | 2 | 3) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** SIGINT or SIGTERM, after all children have ended. */
export class InterruptedError extends ZreplRunError {
  readonly exitCode: ExitCode;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`interrupted by ${signal}; what was in flight can be resumed by the next run`);
    this.exitCode = signal === "SIGINT" ? EXIT.sigint : EXIT.sigterm;
  }
}

/** What to do about a failure, as events have it. */
export function hintOf(error: unknown): { readonly hint?: string } {
  return error instanceof ZreplRunError && error.hint !== undefined ? { hint: error.hint } : {};
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
