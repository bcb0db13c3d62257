/** From the listings and the plan to the status of one filesystem. Pure. */
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { cursorGuid, newestCommonSnapshot } from "../prune/base.ts";
import type { FilesystemPlan } from "../replicate/plan.ts";
import { chosenSnapshots } from "../replicate/plan-steps.ts";
import {
  type FilesystemStatus,
  HEALTHS,
  type HoldStatus,
  type InterruptedStatus,
  type LagStatus,
  type SideName,
  type SideStatus,
  type VersionStatus,
} from "../report/status-events.ts";
import { lastReceivedHoldJob, stepHoldJob } from "../zfs/abstraction.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { pictureDays } from "./days.ts";
import { type DueTimes, dueTimes, type Judgement, judgePlan, judgeSnapshots } from "./judge.ts";
import type { JobView } from "./observe.ts";

/** What is known of one filesystem. */
export interface Seen {
  readonly filesystem: string;
  readonly sender: FilesystemState | undefined;
  readonly receiver: FilesystemState | undefined;
  readonly plan: FilesystemPlan | undefined;
}

/** What the filesystems of a job share. */
export interface Shared {
  readonly view: JobView;
  readonly nowSec: number;
  /** Filesystems whose step is under way. */
  readonly moving: ReadonlySet<string>;
  readonly memo: Map<number, DueTimes>;
}

export function summarizeFilesystem(seen: Seen, shared: Shared): FilesystemStatus {
  const { filesystem, sender, receiver, plan } = seen;
  const { view, nowSec, moving } = shared;
  const { job } = view;
  const snapshots = { sender: snapshotsOf(sender), receiver: snapshotsOf(receiver) };
  const due =
    sender !== undefined && "snapshotting" in job
      ? dueTimes(job.snapshotting, snapshots.sender, nowSec, shared.memo)
      : {};
  const replicated = newestReplicated(seen, view);
  const token = receiver?.resumeToken;
  const isMoving = moving.has(filesystem);
  const interrupted =
    token === undefined || isMoving ? undefined : interruptedStatus(token, view.tokens.get(filesystem), plan);
  const lag = lagOf(seen, replicated, view);
  const work = { isWorkedOn: view.running.length > 0, senderJob: view.senderJob };
  return {
    filesystem,
    ...judge(seen, lag, due, shared),
    ...(sender === undefined ? {} : { sender: sideStatus(snapshots.sender) }),
    ...(receiver === undefined ? {} : { receiver: sideStatus(snapshots.receiver) }),
    ...(replicated === undefined ? {} : { replicated: replicated.status }),
    ...(lag === undefined ? {} : { lag }),
    ...(interrupted === undefined ? {} : { interrupted }),
    holds: [
      ...holdsOf("sender", sender, undefined, work),
      ...holdsOf("receiver", receiver, replicated?.status.guid ?? snapshots.receiver.at(-1)?.guid, work),
    ],
    ...(due.nextDueSec === undefined ? {} : { nextDueSec: due.nextDueSec }),
    days: pictureDays(sender?.versions, receiver?.versions, nowSec),
  };
}

/** The worse of what the plan and the snapshots say. A step that is under way explains what else would be odd. */
function judge(
  { filesystem, sender, receiver, plan }: Seen,
  lag: LagStatus | undefined,
  due: DueTimes,
  { view, nowSec, moving }: Shared,
): Judgement {
  if (moving.has(filesystem)) return { health: "running", explanation: [] };
  const judgements: Judgement[] = [];
  if (plan !== undefined) judgements.push(judgePlan(plan, view.receiverName(filesystem)));
  else if (view.job.type === "push" || view.job.type === "pull")
    judgements.push({ health: "unknown", explanation: [] });
  else if (lag !== undefined && lag.snapshots > 0) judgements.push({ health: "behind", explanation: [] });
  const own = sender ?? receiver;
  if (own !== undefined && plan?.outcome !== "nothing") judgements.push(judgeSnapshots(snapshotsOf(own), due, nowSec));
  return judgements.reduce((worst, next) =>
    HEALTHS.indexOf(next.health) < HEALTHS.indexOf(worst.health) ? next : worst,
  );
}

function snapshotsOf(state: FilesystemState | undefined): readonly FilesystemVersion[] {
  return state?.versions.filter(({ kind }) => kind === "snapshot") ?? [];
}

function versionStatus({ name, guid, creationSec }: FilesystemVersion): VersionStatus {
  return { name, guid, creationSec };
}

function sideStatus(snapshots: readonly FilesystemVersion[]): SideStatus {
  const [oldest] = snapshots;
  const newest = snapshots.at(-1);
  return {
    snapshots: snapshots.length,
    ...(newest === undefined ? {} : { newest: versionStatus(newest) }),
    ...(oldest === undefined ? {} : { oldest: versionStatus(oldest) }),
  };
}

interface Replicated {
  readonly status: NonNullable<FilesystemStatus["replicated"]>;
  /** As the sender has it, if it was seen. */
  readonly onSender: FilesystemVersion | undefined;
}

/** By comparison where both sides were seen, else by what the sender's cursor says, or the receiver has. */
function newestReplicated({ sender, receiver }: Seen, { senderJob, job, plan }: JobView): Replicated | undefined {
  if (sender === undefined) {
    const newest = snapshotsOf(receiver).at(-1);
    return newest && { status: { ...versionStatus(newest), by: "receiver" }, onSender: undefined };
  }
  if (job.type === "snap") return undefined;
  const seen = plan !== undefined;
  const common = seen && receiver !== undefined ? newestCommonSnapshot(sender, receiver) : undefined;
  const guid = seen ? common?.guid : cursorGuid(sender, senderJob);
  const onSender =
    sender.versions.find((version) => version.kind === "snapshot" && version.guid === guid) ??
    sender.versions.find((version) => version.guid === guid);
  if (onSender === undefined) return undefined;
  return { status: { ...versionStatus(common ?? onSender), by: seen ? "receiver" : "cursor" }, onSender };
}

function lagOf({ sender, plan, filesystem }: Seen, base: Replicated | undefined, view: JobView): LagStatus | undefined {
  const { job } = view;
  if (sender === undefined || job.type === "snap" || job.type === "sink") return undefined;
  if (plan === undefined && base === undefined) return undefined; // without a cursor nothing is known
  const chosen = "replication" in job ? chosenSnapshots(sender, job.replication) : snapshotsOf(sender);
  const from = base?.onSender?.createtxg;
  const waiting = from === undefined ? chosen : chosen.filter(({ createtxg }) => createtxg > from);
  const steps = plan?.outcome === "steps" ? plan.steps : undefined;
  const seconds =
    base === undefined
      ? undefined
      : Math.max(0, (waiting.at(-1)?.creationSec ?? base.status.creationSec) - base.status.creationSec);
  const bytes = steps === undefined ? (waiting.length === 0 ? 0 : undefined) : waitingBytes(filesystem, steps, view);
  return {
    snapshots: steps === undefined ? waiting.length : steps.reduce((sum, { via }) => sum + via.length + 1, 0),
    ...(seconds === undefined ? {} : { seconds }),
    ...(bytes === undefined ? {} : { bytes }),
  };
}

function waitingBytes(
  filesystem: string,
  steps: Extract<FilesystemPlan, { outcome: "steps" }>["steps"],
  { sizes, tokens }: JobView,
): number | undefined {
  let bytes = 0;
  for (const { from, via, to, resumeToken } of steps) {
    const remaining = resumeToken === undefined ? undefined : tokens.get(filesystem)?.remainingBytes;
    if (remaining !== undefined) {
      bytes += remaining;
      continue;
    }
    for (const { name } of [...via, to]) {
      const size = sizes.get(`${filesystem}@${name}`);
      if (size === undefined) return undefined;
      bytes += from === undefined ? size.referencedBytes : size.writtenBytes;
    }
  }
  return bytes;
}

function interruptedStatus(
  token: string,
  decoded: ResumeToken | undefined,
  plan: FilesystemPlan | undefined,
): InterruptedStatus {
  const to = decoded?.toName.split("@")[1];
  const { bytes = 0, remainingBytes } = decoded ?? {};
  const dead = plan !== undefined && "preparations" in plan ? plan.preparations : [];
  const [reason] = dead.flatMap((preparation) => (preparation.do === "clearToken" ? [preparation.reason] : []));
  return {
    token,
    ...(to === undefined ? {} : { to }),
    bytes,
    ...(remainingBytes === undefined ? {} : { totalBytes: bytes + remainingBytes }),
    ...(reason === undefined ? {} : { deadReason: reason }),
  };
}

function holdsOf(
  side: SideName,
  state: FilesystemState | undefined,
  baseGuid: string | undefined,
  { isWorkedOn, senderJob }: { readonly isWorkedOn: boolean; readonly senderJob: string },
): HoldStatus[] {
  if (state === undefined || state.holds.size === 0) return [];
  return snapshotsOf(state).flatMap(({ name, guid, creationSec }) =>
    (state.holds.get(name) ?? []).map((tag): HoldStatus => {
      const kind =
        stepHoldJob(tag) !== undefined ? "step" : lastReceivedHoldJob(tag) !== undefined ? "lastReceived" : "other";
      const isBase = kind === "lastReceived" && guid === baseGuid;
      const isNeeded = isBase || (isWorkedOn && (kind === "lastReceived" || stepHoldJob(tag) === senderJob));
      return { side, snapshot: name, creationSec, tag, kind, isNeeded };
    }),
  );
}
