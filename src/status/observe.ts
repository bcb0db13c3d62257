/** What `status` and its like look at: a job's sides as replication lists them, its plan, and who works on it. */
import { type Activity, readActivity } from "../activity.ts";
import type { Job, PullJob, PushJob } from "../config/config.ts";
import type { SideListing } from "../endpoint/endpoint.ts";
import { openEndpoints, openOwnSide } from "../endpoint/open.ts";
import { ZreplRunError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { observeAndPlan } from "../replicate/observe.ts";
import type { ReplicationPlan } from "../replicate/plan.ts";
import type { SideName } from "../report/status-events.ts";
import { listSnapshotSizes, type SnapshotSizes } from "../zfs/list.ts";
import { decodeResumeToken, type ResumeToken } from "../zfs/resume-token.ts";

/** Everything that was seen of a job; the rest of `status` is pure. */
export interface JobView {
  readonly job: Job;
  /** undefined = this job has no such side, or it was not seen. */
  readonly sender: SideListing | undefined;
  readonly receiver: SideListing | undefined;
  readonly tokens: ReadonlyMap<string, ResumeToken | undefined>;
  /** undefined = not both sides were seen. */
  readonly plan: ReplicationPlan | undefined;
  /** Whose cursors and step holds are on the sender. */
  readonly senderJob: string;
  readonly receiverName: (filesystem: string) => string;
  /** By `fs@name`: what waits to be sent. Empty where the sender is another host. */
  readonly sizes: ReadonlyMap<string, SnapshotSizes>;
  /** Why a side was not seen, or not all of it. */
  readonly problems: readonly string[];
  readonly running: readonly Activity[];
}

/**
 * Looks at a job. A side of it that can't be reached is a problem of the view; its own side has to be there.
 * @param side only this side: the other is not asked, if it is another host
 * @throws {ZreplRunError} when this host's side can't be listed
 */
export async function observeJob(job: Job, side: SideName | undefined, invocation: Invocation): Promise<JobView> {
  const running = (["job", "snap"] as const).flatMap(
    (kind) => readActivity(invocation.config.global.lockDir, kind, job.name) ?? [],
  );
  const isActive = job.type === "push" || job.type === "pull";
  const ownSide = job.type === "pull" || job.type === "sink" ? "receiver" : "sender";
  if (!isActive || (side === ownSide && job.connect.type !== "local"))
    return { ...(await observeOwn(job, invocation)), running };
  try {
    return { ...(await observeBoth(job, invocation)), running };
  } catch (error) {
    invocation.interrupted.throwIfAborted();
    if (!(error instanceof ZreplRunError)) throw error;
    const own = await observeOwn(job, invocation);
    const other = own.sender === undefined ? "sender" : "receiver";
    return { ...own, problems: [`the ${other} was not seen: ${error.message}`, ...own.problems], running };
  }
}

type Seen = Omit<JobView, "running">;

const ignore = () => undefined;

async function observeBoth(job: PushJob | PullJob, invocation: Invocation): Promise<Seen> {
  const endpoints = await openEndpoints(job, { ...invocation, warn: ignore });
  try {
    const planned = await observeAndPlan(job, endpoints, invocation.nowMs());
    const isHere = job.type === "push" || job.connect.type === "local";
    const sizes = isHere ? await waitingSizes(planned.plan, invocation) : new Map();
    return { job, ...planned, senderJob: endpoints.sender.job, receiverName: endpoints.receiverName, sizes };
  } finally {
    await endpoints.close();
  }
}

async function observeOwn(job: Job, { runner }: Invocation): Promise<Seen> {
  const { side, endpoint } = openOwnSide(job, { runner, warn: ignore });
  const listing = await endpoint.list();
  const tokens = new Map<string, ResumeToken | undefined>();
  if (side === "receiver")
    for (const { filesystem, resumeToken } of listing.filesystems)
      if (resumeToken !== undefined) tokens.set(filesystem, await decodeResumeToken(runner, resumeToken));
  return {
    job,
    sender: side === "sender" ? listing : undefined,
    receiver: side === "receiver" ? listing : undefined,
    tokens,
    plan: undefined,
    senderJob: job.name,
    receiverName: (filesystem) => ("rootFs" in job ? `${job.rootFs}/${filesystem}` : filesystem),
    sizes: new Map(),
    problems: listing.problems,
  };
}

/** More than this wait only where something has been wrong for long; then their bytes are of no interest. */
const MAX_SIZES = 20_000;

/** One process for all that waits, and none where nothing does. */
async function waitingSizes(
  { filesystems }: ReplicationPlan,
  { runner }: Invocation,
): Promise<ReadonlyMap<string, SnapshotSizes>> {
  const waiting = filesystems.flatMap((plan) => (plan.outcome === "steps" ? plan.steps : []));
  const names = waiting.flatMap(({ filesystem, via, to }) => [...via, to].map(({ name }) => `${filesystem}@${name}`));
  return names.length === 0 || names.length > MAX_SIZES ? new Map() : listSnapshotSizes(runner, names);
}
