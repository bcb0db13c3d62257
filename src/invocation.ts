/**
 * What one invocation is made of: config, the door to processes, where events go, and what ends it early. Commands make
 * one and hand it to a story.
 */
import type { ActivityRecorder } from "./activity.ts";
import type { GlobalOptions } from "./cli-options.ts";
import type { Config, Job } from "./config/config.ts";
import { FailedError, InterruptedError, NoConfigError, UsageError } from "./errors.ts";
import { CONTRACT, type Reporter } from "./report/events.ts";
import { version } from "./version.ts";
import type { Runner } from "./zfs/runner.ts";

export interface Invocation {
  readonly config: Config;
  readonly runner: Runner;
  readonly reporter: Reporter;
  readonly dryRun: boolean;
  /** Seconds to wait for a lock. */
  readonly lockWaitSec: number;
  /** Aborted by SIGINT, SIGTERM, SIGHUP, or a lost lock; the reason is the error to end with. */
  readonly interrupted: AbortSignal;
  /** Aborted when `--time-limit` is over. */
  readonly timeUp: AbortSignal;
  /** Stops everything, e.g. when a lock is lost. */
  readonly abort: (error: Error) => void;
  readonly nowMs: () => number;
  /** The command line, for whoever finds our lock. */
  readonly command: string;
  /** Shows other invocations what this one is at; absent = it does not. */
  readonly activity?: ActivityRecorder;
  /** Of this process, for hooks; absent = empty. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a story made of one job. */
export interface PhaseResult {
  /** Filesystems that the job's filter matched. */
  readonly matched: number;
  readonly done: number;
  readonly failed: number;
  /** Filesystems that pruning refuses to empty; the job is not all done then, nor has it failed. */
  readonly leftAlone?: number;
}

export interface InvocationOptions extends GlobalOptions {
  /** `--time-limit`, seconds; undefined = none. */
  readonly timeLimit?: number | undefined;
  /** Where no file is named and none is in the usual places, an empty config will do. */
  readonly configOptional?: boolean;
}

/**
 * Builds an invocation, runs `body` in it, and lets go of everything.
 * @throws {ConfigError} and whatever `body` throws
 */
export async function withInvocation<T>(
  options: InvocationOptions,
  body: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const [{ loadConfig }, { createRunner }, { createTerminalReporter }, { ActivityRecorder }] = await Promise.all([
    import("./config/load.ts"),
    import("./zfs/runner.ts"),
    import("./report/terminal.ts"),
    import("./activity.ts"),
  ]);
  const { env } = process;
  const config = await loadConfig({ file: options.config, env }).catch((error: unknown) => {
    if (options.configOptional === true && error instanceof NoConfigError)
      return loadConfig({ file: "/dev/null", env });
    throw error;
  });
  const { reporter: terminal, close } = await createTerminalReporter({
    ...{ ...options, env },
    logging: config.global.logging ?? [],
  });
  const activity = new ActivityRecorder(() => Date.now());
  const reporter = activity.listenTo(terminal);
  const command = ["zrepl-run", ...process.argv.slice(2)].join(" ");
  const { dryRun } = options;
  reporter.emit({ event: "start", v: CONTRACT, version, command, dryRun, time: new Date().toISOString() });
  // configcheck is the place for these; a timer's run would say them every time
  for (const message of config.warnings) reporter.emit({ event: "log", level: "debug", message });
  const interrupt = new AbortController();
  const timeUp = new AbortController();
  const stopListening = abortOnSignals(interrupt);
  const timer =
    options.timeLimit === undefined
      ? undefined
      : setTimeout(() => timeUp.abort(new FailedError("the time limit is over")), options.timeLimit * 1000);
  const runner = createRunner({
    signal: interrupt.signal,
    env,
    onCommand: (argv) => reporter.emit({ event: "log", level: "debug", message: `run ${argv.join(" ")}` }),
  });
  try {
    return await body({
      config,
      runner,
      reporter,
      activity,
      dryRun,
      lockWaitSec: options.lockWait,
      interrupted: interrupt.signal,
      timeUp: timeUp.signal,
      abort: (error) => interrupt.abort(error),
      nowMs: () => Date.now(),
      env,
      command,
    });
  } finally {
    clearTimeout(timer);
    stopListening();
    await close();
  }
}

function abortOnSignals(controller: AbortController): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const listeners = signals.map((signal) => {
    const listener = () => controller.abort(new InterruptedError(signal));
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}

/**
 * The jobs that a command line names, in its order.
 * @throws {UsageError} for an unknown job, or one of a type that the command can't work on
 */
export function selectJobs<T extends Job["type"]>(
  config: Config,
  names: readonly string[],
  all: boolean,
  types: readonly T[],
): Extract<Job, { type: T }>[] {
  const fits = (job: Job): job is Extract<Job, { type: T }> => (types as readonly string[]).includes(job.type);
  if (all) {
    const jobs = config.jobs.filter(fits);
    if (jobs.length === 0) throw new UsageError(`no job of type ${types.join(" or ")} in ${config.file}`);
    return jobs;
  }
  return [...new Set(names)].map((name) => {
    const job = config.jobs.find((candidate) => candidate.name === name);
    if (job === undefined)
      throw new UsageError(`there is no job ${JSON.stringify(name)} in ${config.file}`, {
        hint: `jobs there: ${config.jobs.map((candidate) => candidate.name).join(", ") || "none"}`,
      });
    if (!fits(job))
      throw new UsageError(`job ${JSON.stringify(name)} is a ${job.type} job; this works on ${types.join(", ")} jobs`);
    return job;
  });
}
