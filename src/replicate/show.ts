/** The dry run: the same plan, with estimated sizes, shown instead of done. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { Endpoints } from "../endpoint/open.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { relativeName } from "../zfs/version.ts";
import { describeConflict, summarizeConflict } from "./conflict.ts";
import { describeReplicationPlan } from "./describe.ts";
import type { FilesystemPlan, ReplicationPlan } from "./plan.ts";
import type { Step } from "./plan-steps.ts";

export async function showPlan(
  job: PushJob | PullJob,
  plan: ReplicationPlan,
  endpoints: Endpoints,
  invocation: Invocation,
): Promise<PhaseResult> {
  const { reporter } = invocation;
  const estimates = await estimateAll(job, plan, endpoints, invocation);
  if (reporter.wantsText) {
    const describe = { receiverName: endpoints.receiverName, estimate: (step: Step) => estimates.get(step) };
    for (const text of describeReplicationPlan(plan, describe))
      reporter.emit({ event: "planText", job: job.name, text });
  } else for (const filesystem of plan.filesystems) emitPlanned(job.name, filesystem, estimates, endpoints, invocation);
  const failed = plan.filesystems.filter(({ outcome }) => outcome === "conflict" || outcome === "refused").length;
  const matched = plan.filesystems.length;
  return { matched, done: matched - failed, failed };
}

/** Sizes by dry-run sends, `concurrency.size_estimates` at a time; a size that can't be told is no failure of the plan. */
export async function estimateAll(
  job: PushJob | PullJob,
  plan: ReplicationPlan,
  { sender }: Pick<Endpoints, "sender">,
  invocation: Invocation,
): Promise<Map<Step, number | undefined>> {
  const estimates = new Map<Step, number | undefined>();
  const queue = plan.filesystems.flatMap((entry) => (entry.outcome === "steps" ? entry.steps : []));
  const worker = async () => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      try {
        estimates.set(step, await sender.estimate(step));
      } catch (error) {
        invocation.interrupted.throwIfAborted();
        const message = `no estimate: ${error instanceof Error ? error.message : String(error)}`;
        invocation.reporter.emit({ event: "log", level: "warn", job: job.name, filesystem: step.filesystem, message });
      }
    }
  };
  await Promise.all(Array.from({ length: job.replication.concurrency.sizeEstimates }, worker));
  return estimates;
}

/** What is planned for one filesystem, for `--json`. */
export function emitPlanned(
  job: string,
  plan: FilesystemPlan,
  estimates: ReadonlyMap<Step, number | undefined>,
  endpoints: Pick<Endpoints, "receiverName">,
  { reporter }: Invocation,
): void {
  const { filesystem } = plan;
  if (plan.outcome === "refused")
    reporter.emit({ event: "plannedConflict", job, filesystem, conflict: plan.message, explanation: [] });
  if (plan.outcome === "conflict") {
    const explanation = describeConflict(plan.conflict, endpoints.receiverName(filesystem));
    reporter.emit({
      event: "plannedConflict",
      job,
      filesystem,
      conflict: summarizeConflict(plan.conflict),
      explanation,
    });
  }
  if (plan.outcome !== "steps") return;
  for (const [index, step] of plan.steps.entries()) {
    const estimatedBytes = estimates.get(step);
    reporter.emit({
      event: "plannedStep",
      job,
      filesystem,
      kind: step.from === undefined ? "full" : "incremental",
      ...(step.from === undefined ? {} : { from: relativeName(step.from) }),
      to: relativeName(step.to),
      resumed: step.resumeToken !== undefined,
      step: index + 1,
      steps: plan.steps.length,
      ...(estimatedBytes === undefined ? {} : { estimatedBytes }),
    });
  }
}
