/** The story of replication: lock → observe → plan → show | execute → report, with retries for what is temporary. */
import type { PullJob, PushJob } from "../config/config.ts";
import { type Endpoints, openEndpoints } from "../endpoint/open.ts";
import { FailedError, hintOf } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import type { Event } from "../report/events.ts";
import { count } from "../report/format.ts";
import { carryOut, isTemporary } from "./carry-out.ts";
import { describeConflict, summarizeConflict } from "./conflict.ts";
import type { FilesystemResult } from "./execute.ts";
import { glimpseAndPlan, type Planned } from "./observe.ts";
import type { FilesystemPlan } from "./plan.ts";
import { showPlan } from "./show.ts";

type ReplicationJob = PushJob | PullJob;

/** Replicates one job; the caller holds its lock. */
export async function replicateLocked(job: ReplicationJob, invocation: Invocation): Promise<PhaseResult> {
  const { reporter } = invocation;
  const warn = (message: string) => reporter.emit({ event: "log", level: "warn", job: job.name, message });
  const endpoints = await openEndpoints(job, { ...invocation, warn });
  try {
    const first = await glimpseAndPlan(job, endpoints, invocation.nowMs());
    if (first.plan.filesystems.length === 0 && first.problems.length > 0)
      throw new FailedError(first.problems.join("; "));
    for (const problem of first.problems)
      reporter.emit({ event: "log", level: "error", job: job.name, message: problem });
    if (invocation.dryRun) return await showPlan(job, first.plan, endpoints, invocation);
    const replan = async () => (await glimpseAndPlan(job, endpoints, invocation.nowMs())).plan;
    const results = await carryOut(job, first.plan, replan, endpoints, invocation);
    return report(job, first, results, endpoints, invocation);
  } finally {
    await endpoints.close();
  }
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
    return { ...failed, message: error.message, ...hintOf(error), temporary: isTemporary(error) };
  }
  if (plan?.outcome === "refused") return { ...failed, message: plan.message, temporary: false };
  if (plan?.outcome !== "conflict") return undefined;
  const [, ...explanation] = describeConflict(plan.conflict, endpoints.receiverName(filesystem));
  return { ...failed, message: [summarizeConflict(plan.conflict), ...explanation].join("\n  "), temporary: false };
}
