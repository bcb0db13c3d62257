/** What is on both sides of a push or pull job, and what replication would do about it. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { SideListing } from "../endpoint/endpoint.ts";
import type { Endpoints } from "../endpoint/open.ts";
import { bySendersNames } from "../endpoint/stripped-name.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { planReplication, type ReplicationPlan } from "./plan.ts";

export interface Planned {
  readonly sender: SideListing;
  readonly receiver: SideListing;
  /** Decoded resume tokens of the receiver's filesystems; undefined value = corrupt. */
  readonly tokens: ReadonlyMap<string, ResumeToken | undefined>;
  readonly plan: ReplicationPlan;
  /** Of both listings. */
  readonly problems: readonly string[];
}

/** Lists both sides at the same time, decodes the tokens that matter, and plans. */
export async function observeAndPlan(
  job: PushJob | PullJob,
  { sender: sendingEnd, receiver: receivingEnd }: Endpoints,
  nowMs: number,
): Promise<Planned> {
  const [sender, received] = await Promise.all([sendingEnd.list(), receivingEnd.list()]);
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
