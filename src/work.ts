/** What the working commands do: the stories of the named jobs, one job after the other, and the exit they come to. */
import type { Job, PullJob, PushJob, SnapJob, SourceJob } from "./config/config.ts";
import { daemonWarnings } from "./config/zrepl-daemon.ts";
import { rememberingRunner } from "./endpoint/remember.ts";
import { EXIT, type ExitCode, type ZreplRunError } from "./errors.ts";
import { withReplicationHooks } from "./hooks/replication.ts";
import { type Invocation, type InvocationOptions, type PhaseResult, selectJobs, withInvocation } from "./invocation.ts";
import { withJobLock } from "./job-lock.ts";
import { observed } from "./observers.ts";
import { forEachJob, settleJob } from "./outcome.ts";
import { hasPruning, type PruneOptions, prune, pruneLocked } from "./prune/run.ts";
import { replicateLocked } from "./replicate/run.ts";
import { inLogContext } from "./report/log-context.ts";
import { exitCodeOf, whyOf } from "./report-failure.ts";
import { snap } from "./snap/run.ts";

export interface JobOptions extends InvocationOptions {
  readonly jobs: readonly string[];
  readonly all: boolean;
  readonly metricsFile: string | undefined;
}

/** `snap` @throws as `forEachJob` */
export function runSnap(
  options: JobOptions & { readonly ifDue: boolean; readonly slack: number; readonly hooks?: boolean },
): Promise<void> {
  const how = { ifDue: options.ifDue, slackSec: options.slack, rehearseHooks: options.hooks ?? false };
  return withJobsOf(
    "snap",
    options,
    ["snap", "push", "source"],
    async (job, invocation) => [await snap(job, how, invocation)],
    ({ snapshotting }) => snapshotting.type !== "manual",
  );
}

/** `push` and `pull` @throws as `forEachJob` */
export function runReplicate(type: "push" | "pull", options: JobOptions): Promise<void> {
  return withJobsOf(type, options, [type], async (job, invocation) => [
    await withJobLock("job", job.name, invocation, () => replicateWithHooks(job, invocation)),
  ]);
}

function replicateWithHooks(job: PushJob | PullJob, invocation: Invocation): Promise<PhaseResult> {
  return withReplicationHooks(job, invocation, () => replicateLocked(job, invocation));
}

/** `prune`; with `--all` the jobs that prune. @throws as `forEachJob` */
export function runPrune(options: JobOptions & PruneOptions): Promise<void> {
  const types = ["snap", "push", "pull", "sink", "source"] as const;
  return withJobsOf("prune", options, types, (job, invocation) => prune(job, options, invocation), hasPruning);
}

/** How much too early a timer may fire and still find its round due, seconds. */
const RUN_SLACK_SEC = 10;

/** `run`: snapshot if due → replicate → prune, pruning also after a failed replication. @throws as `forEachJob` */
export function runCycle(options: JobOptions): Promise<void> {
  return withJobsOf("run", options, ["snap", "push", "pull", "source"], (job, invocation) =>
    withJobLock("job", job.name, invocation, () => cycle(job, withMemory(job, invocation))),
  );
}

/** The phases share what they see, unless hooks between them may change it. */
function withMemory(job: Job, invocation: Invocation): Invocation {
  const hasHooks = (job.type === "push" || job.type === "pull") && (job.replication.hooks ?? []).length > 0;
  return hasHooks ? invocation : { ...invocation, runner: rememberingRunner(invocation.runner) };
}

async function cycle(job: SnapJob | PushJob | PullJob | SourceJob, invocation: Invocation): Promise<PhaseResult[]> {
  const results: PhaseResult[] = [];
  const phase = async (name: string, body: () => Promise<readonly PhaseResult[]>) => {
    try {
      results.push(...(await body()));
    } catch (error) {
      invocation.interrupted.throwIfAborted();
      if (!isOurs(error)) throw error;
      invocation.reporter.emit({
        event: "log",
        level: "error",
        job: job.name,
        message: `${name} failed: ${withHint(error)}`,
      });
      results.push({ matched: 0, done: 0, failed: 1 });
    }
  };
  if (job.type !== "pull" && job.snapshotting.type !== "manual") {
    const how = { ifDue: true, slackSec: RUN_SLACK_SEC };
    await phase("taking snapshots", async () => [await snap(job, how, invocation)]);
    if (invocation.dryRun) {
      const message = "what follows is planned from the snapshots that exist now, without those that would be taken";
      invocation.reporter.emit({ event: "log", level: "info", job: job.name, message });
    }
  }
  if (job.type === "push" || job.type === "pull")
    await phase("replication", async () => [await replicateWithHooks(job, invocation)]);
  if (hasPruning(job) && !invocation.timeUp.aborted) await phase("pruning", () => pruneLocked(job, {}, invocation));
  return results;
}

function withHint(error: ZreplRunError): string {
  return error.hint === undefined ? error.message : `${error.message}\n  hint: ${error.hint}`;
}

function isOurs(error: unknown): error is ZreplRunError {
  return error instanceof Error && "exitCode" in error;
}

/** zrepl's daemon and we don't see each other's locks. */
async function warnOfDaemon(jobs: readonly Job[], { config, reporter }: Invocation): Promise<void> {
  const names = jobs.map(({ name }) => name);
  for (const message of await daemonWarnings(config, names)) reporter.emit({ event: "log", level: "warn", message });
}

/** `concerns` leaves jobs out that only `--all` names. */
function withJobsOf<T extends Job["type"]>(
  command: string,
  options: JobOptions,
  types: readonly T[],
  body: (job: Extract<Job, { type: T }>, invocation: Invocation) => Promise<readonly PhaseResult[]>,
  concerns: (job: Extract<Job, { type: T }>) => boolean = () => true,
): Promise<void> {
  return withInvocation(options, async (invocation) => {
    type Wanted = Extract<Job, { type: T }>;
    const named: Wanted[] = selectJobs(invocation.config, options.jobs, options.all, types);
    const jobs = options.all ? named.filter(concerns) : named;
    await warnOfDaemon(jobs, invocation);
    const onError = (job: Wanted, error: ZreplRunError) =>
      invocation.reporter.emit({ event: "log", level: "error", job: job.name, message: withHint(error) });
    const run = { command, jobs: jobs.map(({ name }) => name), metricsFile: options.metricsFile };
    return observed(run, invocation, () =>
      forEachJob(jobs, invocation.interrupted, onError, (job) =>
        reportingJob(job.name, invocation, async () => settleJob(job.name, await body(job, invocation))),
      ),
    );
  });
}

/** Tells how the job ended, after everything else about it. */
async function reportingJob(job: string, { reporter, nowMs }: Invocation, body: () => Promise<void>): Promise<void> {
  const startMs = nowMs();
  const end = (exitCode: ExitCode, why: { readonly error?: string; readonly hint?: string }) =>
    reporter.emit({ event: "jobDone", job, exitCode, seconds: (nowMs() - startMs) / 1000, ...why });
  try {
    await inLogContext({ job }, body);
    end(EXIT.ok, {});
  } catch (error) {
    end(exitCodeOf(error), whyOf(error));
    throw error;
  }
}
