/** The story of replication: lock → observe → plan → show | execute → report, with retries for what is temporary. */
import { setTimeout as delay } from "node:timers/promises";
import type { PullJob, PushJob } from "../config/config.ts";
import { type Endpoints, openEndpoints } from "../endpoint/open.ts";
import { FailedError, ZreplRunError } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import type { Event } from "../report/events.ts";
import { count } from "../report/format.ts";
import { relativeName } from "../zfs/version.ts";
import { describeConflict, summarizeConflict } from "./conflict.ts";
import { type ExecuteListener, executeReplication, type FilesystemResult } from "./execute.ts";
import { observeAndPlan, type Planned } from "./observe.ts";
import type { OrderedStep } from "./order.ts";
import type { FilesystemPlan, ReplicationPlan } from "./plan.ts";
import { showPlan } from "./show.ts";

type ReplicationJob = PushJob | PullJob;

/** Replicates one job; the caller holds its lock. */
export async function replicateLocked(job: ReplicationJob, invocation: Invocation): Promise<PhaseResult> {
  const { reporter } = invocation;
  const warn = (message: string) => reporter.emit({ event: "log", level: "warn", job: job.name, message });
  const endpoints = await openEndpoints(job, { ...invocation, warn });
  try {
    const first = await observeAndPlan(job, endpoints, invocation.nowMs());
    if (first.plan.filesystems.length === 0 && first.problems.length > 0)
      throw new FailedError(first.problems.join("; "));
    for (const problem of first.problems)
      reporter.emit({ event: "log", level: "error", job: job.name, message: problem });
    if (invocation.dryRun) return await showPlan(job, first.plan, endpoints, invocation);
    return await attempts(job, first, endpoints, invocation);
  } finally {
    await endpoints.close();
  }
}

/** Executes; plans and executes again what failed for a reason that may pass (`replication.retry`). */
async function attempts(
  job: ReplicationJob,
  first: Planned,
  endpoints: Endpoints,
  invocation: Invocation,
): Promise<PhaseResult> {
  const { attempts: maxAttempts, backoffSec } = job.replication.retry;
  const results = new Map<string, FilesystemResult>();
  let { plan } = first;
  for (let attempt = 1; ; attempt++) {
    invocation.reporter.planned?.(job.name, countSteps(plan));
    for (const result of await execute(job, plan, endpoints, invocation)) {
      const stepsDone = result.stepsDone + (results.get(result.filesystem)?.stepsDone ?? 0);
      results.set(result.filesystem, { ...result, stepsDone });
    }
    const again = [...results.values()].filter(({ error }) => isTemporary(error)).map(({ filesystem }) => filesystem);
    if (again.length === 0 || attempt >= maxAttempts || invocation.timeUp.aborted) break;
    const pauseSec = backoffSec * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
    for (const filesystem of again) reportRetry(job, filesystem, results.get(filesystem)?.error, pauseSec, invocation);
    await delay(pauseSec * 1000, undefined, {
      signal: AbortSignal.any([invocation.interrupted, invocation.timeUp]),
    }).catch(() => undefined);
    invocation.interrupted.throwIfAborted();
    if (invocation.timeUp.aborted) break;
    const { filesystems } = (await observeAndPlan(job, endpoints, invocation.nowMs())).plan;
    plan = { filesystems: filesystems.filter(({ filesystem }) => again.includes(filesystem)) };
  }
  return report(job, first, [...results.values()], endpoints, invocation);
}

function execute(
  job: ReplicationJob,
  plan: ReplicationPlan,
  endpoints: Endpoints,
  invocation: Invocation,
): Promise<FilesystemResult[]> {
  const steps = plan.filesystems.flatMap((entry) => (entry.outcome === "steps" ? entry.steps : []));
  invocation.reporter.expect?.(steps.length);
  return executeReplication(plan, {
    sender: endpoints.sender,
    receiver: endpoints.receiver,
    runner: invocation.runner,
    concurrency: job.replication.concurrency.steps,
    stallTimeoutSec: job.replication.stallTimeoutSec,
    window: job.replication.bookkeeping,
    interrupted: invocation.interrupted,
    timeUp: invocation.timeUp,
    listener: stepListener(job.name, invocation),
    nowMs: invocation.nowMs,
  });
}

function stepListener(job: string, { reporter }: Invocation): ExecuteListener {
  return {
    stepStarted: (step) =>
      reporter.emit({ event: "stepStarted", resumed: step.step.resumeToken !== undefined, ...identify(job, step) }),
    stepProgress: ({ step, index, count: steps }, bytes, totalBytes) =>
      reporter.progress({ job, filesystem: step.filesystem, step: index + 1, steps, bytes, totalBytes }),
    stepFailed: ({ step }) => reporter.stepFailed?.(step.filesystem),
    stepDone: (step, bytes, seconds) => reporter.emit({ event: "stepDone", bytes, seconds, ...identify(job, step) }),
  };
}

function identify(job: string, { step, index, count: steps }: OrderedStep) {
  const from = step.from === undefined ? {} : { from: relativeName(step.from) };
  const kind = step.from === undefined ? ("full" as const) : ("incremental" as const);
  return { job, filesystem: step.filesystem, kind, ...from, to: relativeName(step.to), step: index + 1, steps };
}

function countSteps({ filesystems }: ReplicationPlan): number {
  return filesystems.reduce((sum, plan) => sum + (plan.outcome === "steps" ? plan.steps.length : 0), 0);
}

function isTemporary(error: Error | undefined): boolean {
  return error !== undefined && "temporary" in error && error.temporary === true;
}

function reportRetry(
  job: ReplicationJob,
  filesystem: string,
  error: Error | undefined,
  pauseSec: number,
  { reporter }: Invocation,
): void {
  const message = `${error?.message}; trying again in ${pauseSec.toFixed(1)} s`;
  reporter.emit({ event: "log", level: "warn", job: job.name, filesystem, message });
}

/** Tells what became of every filesystem, and counts. */
function report(
  job: ReplicationJob,
  { plan, problems }: Planned,
  results: readonly FilesystemResult[],
  endpoints: Endpoints,
  invocation: Invocation,
): PhaseResult {
  const { reporter } = invocation;
  const plans = new Map(plan.filesystems.map((entry) => [entry.filesystem, entry]));
  let failed = problems.length;
  let steps = 0;
  for (const { filesystem, stepsDone, error } of results) {
    steps += stepsDone;
    const failure = failureEvent(job.name, filesystem, plans.get(filesystem), error, endpoints);
    if (failure === undefined) continue;
    failed++;
    reporter.emit(failure);
  }
  const matched = plan.filesystems.length;
  const done = matched - (failed - problems.length);
  const parts = [`replicated ${count(steps, "snapshot")}`, `${done} of ${count(matched, "filesystem")} up to date`];
  if (failed > 0) parts.push(`${failed} failed`);
  reporter.emit({ event: "phaseDone", job: job.name, phase: "replicate", done, failed, summary: parts.join(", ") });
  return { matched, done, failed };
}

function failureEvent(
  job: string,
  filesystem: string,
  plan: FilesystemPlan | undefined,
  error: Error | undefined,
  endpoints: Endpoints,
): Event | undefined {
  const failed = { event: "filesystemFailed" as const, job, phase: "replicate" as const, filesystem };
  if (error !== undefined) {
    const hint = error instanceof ZreplRunError && error.hint !== undefined ? { hint: error.hint } : {};
    return { ...failed, message: error.message, ...hint, temporary: isTemporary(error) };
  }
  if (plan?.outcome === "refused") return { ...failed, message: plan.message, temporary: false };
  if (plan?.outcome !== "conflict") return undefined;
  const [, ...explanation] = describeConflict(plan.conflict, endpoints.receiverName(filesystem));
  return { ...failed, message: [summarizeConflict(plan.conflict), ...explanation].join("\n  "), temporary: false };
}
