/** From a plan to what became of it: execution with its events, tried again where that may help. */
import { setTimeout as delay } from "node:timers/promises";
import type { PullJob, PushJob } from "../config/config.ts";
import type { Endpoints } from "../endpoint/open.ts";
import type { Invocation } from "../invocation.ts";
import { relativeName } from "../zfs/version.ts";
import { type ExecuteListener, executeReplication, type FilesystemResult } from "./execute.ts";
import type { OrderedStep } from "./order.ts";
import type { ReplicationPlan } from "./plan.ts";

type ReplicationJob = PushJob | PullJob;

/**
 * Executes a plan, and executes again what failed for a reason that may pass (`replication.retry`).
 * @param replan looks and plans again
 * @returns what became of every filesystem, all attempts together
 */
export async function carryOut(
  job: ReplicationJob,
  first: ReplicationPlan,
  replan: () => Promise<ReplicationPlan>,
  endpoints: Pick<Endpoints, "sender" | "receiver">,
  invocation: Invocation,
): Promise<FilesystemResult[]> {
  const { attempts: maxAttempts, backoffSec } = job.replication.retry;
  const results = new Map<string, FilesystemResult>();
  let plan = first;
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
    const { filesystems } = await replan();
    plan = { filesystems: filesystems.filter(({ filesystem }) => again.includes(filesystem)) };
  }
  return [...results.values()];
}

function execute(
  job: ReplicationJob,
  plan: ReplicationPlan,
  endpoints: Pick<Endpoints, "sender" | "receiver">,
  invocation: Invocation,
): Promise<FilesystemResult[]> {
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

/** Whether trying again may help. */
export function isTemporary(error: Error | undefined): boolean {
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
