/** Views of jobs in short, for the pure parts of status. */
import type { Activity } from "../../src/activity.ts";
import type { Job, PushJob, SnapJob } from "../../src/config/config.ts";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { planReplication } from "../../src/replicate/plan.ts";
import type { JobView } from "../../src/status/observe.ts";
import type { ResumeToken } from "../../src/zfs/resume-token.ts";
import { load } from "../config/files.ts";
import { planInput, RECEIVER_JOB, SENDER_JOB } from "../replicate/states.ts";

export const HOUR = 3600;
export const DAY = 24 * HOUR;
/** The time of all views: 40 days after the epoch. */
export const NOW = 40 * DAY;

const KEEP = { keep: [{ type: "last_n", count: 9 }] };
const BOTH = { keep_sender: KEEP.keep, keep_receiver: KEEP.keep };
const LOCAL = { type: "local", listener_name: "l" };

/** A push job named `push`, or with other keys. */
export async function jobOf(keys: Readonly<Record<string, unknown>> = {}): Promise<Job> {
  const push = {
    ...{ type: "push", name: SENDER_JOB, filesystems: { "tank<": true }, pruning: BOTH },
    ...{ connect: { ...LOCAL, client_identity: "c" }, snapshotting: { type: "manual" } },
  };
  const job = "type" in keys ? keys : { ...push, ...keys };
  const sink = { type: "sink", name: RECEIVER_JOB, root_fs: "back", serve: LOCAL };
  const jobs = job["type"] === "push" ? [job, sink] : [job];
  const [first] = (await load(JSON.stringify({ global: { lock_dir: "/nowhere" }, jobs }))).jobs;
  if (first === undefined) throw new Error("no job");
  return first;
}

export const snapJob = async (snapshotting: object): Promise<SnapJob> =>
  (await jobOf({ type: "snap", name: "s", filesystems: { "tank<": true }, snapshotting, pruning: KEEP })) as SnapJob;

export interface ViewOptions extends Partial<Pick<JobView, "sizes" | "problems" | "job">> {
  readonly sender?: readonly FilesystemState[];
  readonly receiver?: readonly FilesystemState[];
  readonly tokens?: ReadonlyMap<string, ResumeToken | undefined>;
  readonly running?: readonly Activity[];
}

/** With both sides there is a plan. */
export async function viewOf({ sender, receiver, tokens = new Map(), ...more }: ViewOptions): Promise<JobView> {
  const job = more.job ?? (await jobOf());
  const { replication, conflictResolution } = job as PushJob;
  const plan =
    sender === undefined || receiver === undefined
      ? undefined
      : planReplication(planInput(sender, receiver, { replication, ...conflictResolution }, tokens));
  const side = (filesystems: readonly FilesystemState[] | undefined) => filesystems && { filesystems, problems: [] };
  return {
    ...{ job, sender: side(sender), receiver: side(receiver), tokens, plan, senderJob: SENDER_JOB },
    ...{ receiverName: (name: string) => `back/c/${name}`, sizes: new Map(), problems: [], running: [] },
    ...more,
  };
}
