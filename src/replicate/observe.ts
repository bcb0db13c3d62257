/** What is on both sides of a push or pull job, and what replication would do about it. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { SideListing } from "../endpoint/endpoint.ts";
import type { Endpoints } from "../endpoint/open.ts";
import { bySendersNames } from "../endpoint/stripped-name.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { type FilesystemPlan, planReplication, type ReplicationPlan } from "./plan.ts";

export interface Planned {
  readonly sender: SideListing;
  readonly receiver: SideListing;
  /** Decoded resume tokens of the receiver's filesystems; undefined value = corrupt. */
  readonly tokens: ReadonlyMap<string, ResumeToken | undefined>;
  readonly plan: ReplicationPlan;
  /** Of both listings. */
  readonly problems: readonly string[];
}

type Job = PullJob | PushJob;

/** Lists both sides at the same time, decodes the tokens that matter, and plans. */
export async function observeAndPlan(job: Job, endpoints: Endpoints, nowMs: number): Promise<Planned> {
  const [sender, received] = await Promise.all([endpoints.sender.list(), endpoints.receiver.list()]);
  return planBetween(job, endpoints, { sender, received }, nowMs);
}

/**
 * As `observeAndPlan`, but looks closely at the receiver only where there is something to do. Where not, its listing may
 * presume whose a hold or a placeholder mark is.
 */
export async function glimpseAndPlan(job: Job, endpoints: Endpoints, nowMs: number): Promise<Planned> {
  const { sender: sendingEnd, receiver: receivingEnd } = endpoints;
  const { incremental } = job.replication.protection;
  // without a cursor, nothing proves that the last run came to its end
  if (incremental === "guarantee_nothing" || receivingEnd.glimpse === undefined)
    return observeAndPlan(job, endpoints, nowMs);
  const [sender, glimpse] = await Promise.all([sendingEnd.list(), receivingEnd.glimpse()]);
  if (glimpse.presumed !== undefined && !sender.filesystems.some(({ isPlaceholder }) => isPlaceholder)) {
    const planned = await planBetween(job, endpoints, { sender, received: glimpse.presumed }, nowMs);
    if (planned.plan.filesystems.every(isSettled)) return planned;
  }
  return planBetween(job, endpoints, { sender, received: await glimpse.list() }, nowMs);
}

/** Whether nothing is to be done, or told of, whatever a glimpse presumes. */
function isSettled(plan: FilesystemPlan): boolean {
  if (plan.outcome === "upToDate") return plan.preparations.length === 0 && plan.healing === undefined;
  return plan.outcome === "nothing";
}

async function planBetween(
  job: Job,
  { sender: sendingEnd, receiver: receivingEnd }: Endpoints,
  { sender, received }: { readonly sender: SideListing; readonly received: SideListing },
  nowMs: number,
): Promise<Planned> {
  const names = sender.filesystems.map(({ filesystem }) => filesystem);
  const receiver = { ...received, filesystems: bySendersNames(received.filesystems, sender.filesystems) };
  const misplaced = await receivingEnd.misplaced?.(names);
  const wanted = new Set(names);
  const tokens = new Map<string, ResumeToken | undefined>();
  for (const { filesystem, resumeToken } of receiver.filesystems)
    if (resumeToken !== undefined && wanted.has(filesystem))
      tokens.set(filesystem, await sendingEnd.decodeToken(resumeToken));
  const plan = planReplication({
    sender: sender.filesystems,
    receiver: receiver.filesystems,
    tokens,
    ...(misplaced === undefined ? {} : { misplaced }),
    senderJob: sendingEnd.job,
    receiverJob: receivingEnd.job,
    policy: { replication: job.replication, conflictResolution: job.conflictResolution },
    setAsideSuffix: `.diverged-${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "")}`,
  });
  return { sender, receiver, tokens, plan, problems: [...sender.problems, ...receiver.problems] };
}
