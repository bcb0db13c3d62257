/** `test plan`: the replication plan for two lists of filesystems. Needs no ZFS. */
import type { Config, PullJob, PushJob, SinkJob } from "../config/config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { nameBy, Placement } from "../endpoint/placement.ts";
import { bySendersNames } from "../endpoint/stripped-name.ts";
import { summarizeConflict } from "../replicate/conflict.ts";
import { describeReplicationPlan } from "../replicate/describe.ts";
import { type FilesystemPlan, planReplication } from "../replicate/plan.ts";
import type { Event } from "../report/events.ts";
import { isBelow } from "../zfs/name.ts";
import { compareVersions, relativeName } from "../zfs/version.ts";
import { type ListedFilesystem, parseVersionList } from "./parse-listing.ts";

export interface TryPlanOptions {
  readonly job: PushJob | PullJob;
  readonly config: Config;
  /** Texts of the two lists. */
  readonly sender: string;
  readonly receiver: string;
  /** Where the receiver's copies are below; undefined = find out. */
  readonly receiverRoot: string | undefined;
  readonly json: boolean;
}

/** @returns lines to print: with `json` one event per step and per conflict, else the plan as a dry run shows it */
export function tryPlan(options: TryPlanOptions): string[] {
  const { job, config } = options;
  const filter = senderFilter(job, config);
  const sender = [...parseVersionList(options.sender).values()].filter(({ name }) => filter(name));
  const listed = parseVersionList(options.receiver);
  const root = options.receiverRoot ?? configuredRoot(job, config, listed) ?? guessRoot(sender, listed);
  const placement = root === "" ? undefined : new Placement(root, receivingJob(job, config)?.recv ?? {});
  const received = [...listed.values()].flatMap((filesystem) => {
    const original = placement === undefined ? filesystem.name : placement.originalOf(filesystem.name);
    return original === undefined ? [] : [stateOf(filesystem, original)];
  });
  const senders = sender.map((filesystem) => stateOf(filesystem, filesystem.name));
  const misplaced = placement?.isMapped ? { misplaced: placement.misplaced(sender.map(({ name }) => name)) } : {};
  const plan = planReplication({
    sender: senders,
    receiver: bySendersNames(received, senders),
    tokens: new Map(),
    ...misplaced,
    senderJob: job.type === "push" ? job.name : (localPeer(job, config)?.name ?? job.name),
    receiverJob: job.type === "pull" ? job.name : (localPeer(job, config)?.name ?? job.name),
    policy: { replication: job.replication, conflictResolution: job.conflictResolution },
    setAsideSuffix: ".diverged-TIME",
  });
  if (options.json)
    return plan.filesystems.flatMap((entry) => planEvents(job.name, entry)).map((event) => JSON.stringify(event));
  const receiverName = placement === undefined ? (filesystem: string) => filesystem : nameBy(placement);
  return describeReplicationPlan(withoutHealing(plan.filesystems), { receiverName });
}

/** Lists show no holds: what bookkeeping is missing can't be told from them. */
function withoutHealing(filesystems: readonly FilesystemPlan[]) {
  return {
    filesystems: filesystems.map((plan) => (plan.outcome === "upToDate" ? { ...plan, healing: undefined } : plan)),
  };
}

function planEvents(job: string, plan: FilesystemPlan): Event[] {
  const { filesystem } = plan;
  const conflict = (text: string): Event[] => [
    { event: "plannedConflict", job, filesystem, conflict: text, explanation: [] },
  ];
  switch (plan.outcome) {
    case "steps":
      return plan.steps.map(({ from, to }, index, { length: steps }) => ({
        ...{ event: "plannedStep", resumed: false, job, filesystem, step: index + 1, steps },
        ...(from === undefined ? { kind: "full" } : { kind: "incremental", from: relativeName(from) }),
        to: relativeName(to),
      }));
    case "conflict":
      return conflict(summarizeConflict(plan.conflict));
    case "refused":
      return conflict(plan.message);
    default:
      return [];
  }
}

function stateOf({ type, versions }: ListedFilesystem, filesystem: string): FilesystemState {
  return {
    filesystem,
    type,
    isPlaceholder: false,
    encrypted: false,
    resumeToken: undefined,
    versions: versions.sort(compareVersions),
    holds: new Map(),
    refusal: undefined,
  };
}

/** The sink or source of the same config behind a `local` connection. */
function localPeer(job: PushJob | PullJob, config: Config) {
  const { connect } = job;
  if (connect.type !== "local") return undefined;
  return config.jobs.find(
    (other) =>
      (other.type === "sink" || other.type === "source") &&
      (other.type === "sink") === (job.type === "push") &&
      other.serve.type === "local" &&
      other.serve.listenerName === connect.listenerName,
  );
}

/** Whose `recv` counts, if this config has it. */
function receivingJob(job: PushJob | PullJob, config: Config): PullJob | SinkJob | undefined {
  if (job.type === "pull") return job;
  const peer = localPeer(job, config);
  return peer?.type === "sink" ? peer : undefined;
}

/** What the sender offers, as far as this config tells; a pull's source elsewhere has its own filter. */
function senderFilter(job: PushJob | PullJob, config: Config): (filesystem: string) => boolean {
  const owner = job.type === "push" ? job : localPeer(job, config);
  return owner !== undefined && "filesystems" in owner ? (name) => owner.filesystems.match(name) : () => true;
}

/** Where the config says that the copies are, if something in the list is there. */
function configuredRoot(
  job: PushJob | PullJob,
  config: Config,
  listed: ReadonlyMap<string, ListedFilesystem>,
): string | undefined {
  const peer = localPeer(job, config);
  const { connect } = job;
  const sinkRoot =
    peer?.type === "sink" && connect.type === "local" ? `${peer.rootFs}/${connect.clientIdentity}` : undefined;
  const root = job.type === "pull" ? job.rootFs : sinkRoot;
  return root !== undefined && [...listed.keys()].some((name) => isBelow(name, root)) ? root : undefined;
}

/** The root below which most of the receiver's names are those of the sender; empty = they are the same names. */
function guessRoot(sender: readonly ListedFilesystem[], listed: ReadonlyMap<string, ListedFilesystem>): string {
  const votes = new Map<string, number>();
  const vote = (root: string) => votes.set(root, (votes.get(root) ?? 0) + 1);
  for (const { name } of sender) {
    if (listed.has(name)) vote("");
    for (const other of listed.keys()) if (other.endsWith(`/${name}`)) vote(other.slice(0, -name.length - 1));
  }
  const [best] = [...votes].sort(([a, x], [b, y]) => y - x || a.length - b.length);
  return best?.[0] ?? "";
}
