/** What replication will do, as plain data: two listings and a policy in, a plan out (zrepl-behaviour.md §4.3). */
import type { ConflictResolution, Guarantee, ReplicationOptions } from "../config/config.ts";
import type { FilesystemState, Misplaced } from "../endpoint/endpoint.ts";
import { lastReceivedHoldTag } from "../zfs/abstraction.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import type { Conflict, SnapshotHold } from "./conflict.ts";
import { type IncrementalPath, incrementalPath } from "./incremental-path.ts";
import { buildSteps, chosenSnapshots, isChosen, type Step } from "./plan-steps.ts";
import { judgeToken } from "./resume.ts";
import { receiverIsTidy, senderIsTidy } from "./tidy.ts";

/** What must happen to the receiver's filesystem before its first step. */
export type Preparation =
  | { readonly do: "clearToken"; readonly reason: string }
  | { readonly do: "rollback"; readonly to: FilesystemVersion; readonly destroys: readonly FilesystemVersion[] }
  | { readonly do: "setAside"; readonly suffix: string };

/** What earlier runs left undone, with nothing to send. */
export interface Healing {
  /** Move the sender's cursor here and remove what is left over. */
  readonly cursorTo: FilesystemVersion | undefined;
  /** Put the receiver's last-received hold here and remove others. */
  readonly lastReceivedTo: FilesystemVersion | undefined;
}

export type FilesystemPlan = { readonly filesystem: string } & (
  | {
      readonly outcome: "steps";
      readonly preparations: readonly Preparation[];
      readonly steps: readonly Step[];
      readonly onReceiver: boolean;
    }
  | {
      readonly outcome: "upToDate";
      readonly at: FilesystemVersion;
      readonly preparations: readonly Preparation[];
      readonly healing: Healing | undefined;
      readonly guarantee: Guarantee;
    }
  | { readonly outcome: "nothing"; readonly reason: string }
  | { readonly outcome: "conflict"; readonly conflict: Conflict; readonly onReceiver: boolean }
  | { readonly outcome: "refused"; readonly message: string; readonly onReceiver: boolean }
);

export interface ReplicationPlan {
  /** Parents before children. */
  readonly filesystems: readonly FilesystemPlan[];
}

export interface PlanInput {
  readonly sender: readonly FilesystemState[];
  readonly receiver: readonly FilesystemState[];
  /** Decoded resume tokens of the receiver's filesystems; undefined value = corrupt. */
  readonly tokens: ReadonlyMap<string, ResumeToken | undefined>;
  /** What the receiver has no place for; absent = there is none. */
  readonly misplaced?: ReadonlyMap<string, Misplaced>;
  readonly senderJob: string;
  readonly receiverJob: string;
  readonly policy: PlanPolicy;
  /** Ends the name of what is set aside, e.g. `.diverged-20261121T130000Z`. */
  readonly setAsideSuffix: string;
}

export interface PlanPolicy {
  readonly replication: ReplicationOptions;
  readonly conflictResolution: ConflictResolution;
}

/** Plans every filesystem of the sender by itself; the receiver's others are not looked at. */
export function planReplication(input: PlanInput): ReplicationPlan {
  const receivers = new Map(input.receiver.map((state) => [state.filesystem, state]));
  return {
    filesystems: input.sender.map((sender) => planFilesystem(sender, receivers.get(sender.filesystem), input)),
  };
}

function planFilesystem(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  input: PlanInput,
): FilesystemPlan {
  const { filesystem } = sender;
  const misplaced = input.misplaced?.get(filesystem);
  if (misplaced?.kind === "leftOut") return { filesystem, outcome: "nothing", reason: misplaced.message };
  // others may still go where they belong
  if (misplaced?.kind === "nowhere") return refused(filesystem, misplaced.message, true);
  if (sender.isPlaceholder)
    return receiver === undefined || receiver.isPlaceholder
      ? { filesystem, outcome: "nothing", reason: "placeholder" }
      : refused(filesystem, "sender filesystem is placeholder, but receiver filesystem is not", true);
  const plan = planVersions(sender, receiver, input);
  if (plan.outcome !== "steps" || sender.refusal === undefined) return plan;
  return refused(filesystem, sender.refusal, receiver !== undefined);
}

function planVersions(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  input: PlanInput,
): FilesystemPlan {
  if (receiver?.resumeToken === undefined) return planPath(sender, receiver, [], input);
  const { filesystem } = sender;
  const verdict = judgeToken(input.tokens.get(filesystem), sender, receiver, input);
  if (verdict.kind === "dead") {
    if (input.policy.replication.onDeadToken === "fail")
      return refused(
        filesystem,
        `${verdict.reason}; clear it on the receiver with zfs recv -A, or set replication.resume.on_dead_token: clear`,
        true,
      );
    return planPath(sender, receiver, [{ do: "clearToken", reason: verdict.reason }], input);
  }
  const later = chosenSnapshots(sender, input.policy.replication).filter(
    ({ createtxg }) => createtxg > verdict.to.createtxg,
  );
  const first = { from: verdict.from, to: verdict.to, resumeToken: receiver.resumeToken };
  return {
    filesystem,
    outcome: "steps",
    preparations: [],
    onReceiver: true,
    steps: buildSteps(sender, receiver, first, later, input.policy.replication),
  };
}

function planPath(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  preparations: readonly Preparation[],
  input: PlanInput,
): FilesystemPlan {
  const { filesystem } = sender;
  const path = incrementalPath(receiver ?? { versions: [] }, sender, (snapshot) =>
    isChosen(snapshot, input.policy.replication),
  );
  switch (path.kind) {
    case "path": {
      const [next, ...later] = path.snapshots;
      if (next === undefined) throw new Error("an incremental path has at least one snapshot");
      const steps = buildSteps(sender, receiver, { from: path.base, to: next }, later, input.policy.replication);
      return { filesystem, outcome: "steps", preparations, steps, onReceiver: true };
    }
    case "upToDate":
      return planUpToDate(sender, receiver, path, preparations, input);
    case "noSenderSnapshots":
      return { filesystem, outcome: "nothing", reason: "no snapshots on the sender" };
    case "noCommonAncestor":
      if (path.receiver.length === 0) return planInitial(sender, receiver, preparations, input);
      if (!path.sender.some(({ kind }) => kind === "snapshot"))
        return { filesystem, outcome: "nothing", reason: "no snapshots on the sender" };
      return planDivergence(
        sender,
        receiver,
        preparations,
        { ...path, hasChildren: hasChildren(filesystem, input) },
        input,
      );
    case "diverged":
      return planDivergence(
        sender,
        receiver,
        preparations,
        { ...path, holds: holdsOn(path.receiverOnly, receiver), hasChildren: hasChildren(filesystem, input) },
        input,
      );
  }
}

/** §4.5: nothing of this filesystem is on the receiver yet. */
function planInitial(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  preparations: readonly Preparation[],
  input: PlanInput,
): FilesystemPlan {
  const { filesystem } = sender;
  const policy = input.policy.conflictResolution.initialReplication;
  const chosen = chosenSnapshots(sender, input.policy.replication);
  const [oldest] = chosen;
  const newest = chosen.at(-1);
  if (oldest === undefined || newest === undefined) {
    const some = sender.versions.some(({ kind }) => kind === "snapshot");
    return {
      filesystem,
      outcome: "nothing",
      reason: some ? "no snapshot is chosen for replication" : "no snapshots on the sender",
    };
  }
  if (policy === "fail")
    return refused(
      filesystem,
      "automatic conflict resolution for initial replication is disabled in config",
      receiver !== undefined,
    );
  // An aborted initial receive takes its filesystem with it; any other without snapshots is somebody's data.
  const cleared = preparations.some((preparation) => preparation.do === "clearToken" || preparation.do === "setAside");
  if (receiver !== undefined && !receiver.isPlaceholder && !cleared)
    return {
      filesystem,
      outcome: "conflict",
      conflict: { kind: "receiverWithoutSnapshots", hasChildren: hasChildren(filesystem, input) },
      onReceiver: true,
    };
  const [first, later] = policy === "all" ? [oldest, chosen.slice(1)] : [newest, []];
  const steps = buildSteps(sender, receiver, { from: undefined, to: first }, later, input.policy.replication);
  return { filesystem, outcome: "steps", preparations, steps, onReceiver: receiver !== undefined };
}

function planDivergence(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  preparations: readonly Preparation[],
  conflict: Extract<Conflict, { kind: "diverged" | "noCommonAncestor" }>,
  input: PlanInput,
): FilesystemPlan {
  const { filesystem } = sender;
  const unresolved: FilesystemPlan = { filesystem, outcome: "conflict", conflict, onReceiver: true };
  if (receiver === undefined) return unresolved;
  switch (input.policy.conflictResolution.diverged) {
    case "fail":
      return unresolved;
    case "set_aside": {
      if (conflict.hasChildren) return unresolved; // renaming would take the children's replicas along
      const setAside: Preparation = { do: "setAside", suffix: input.setAsideSuffix };
      return planInitial(sender, undefined, [...preparations, setAside], input);
    }
    case "rollback": {
      if (conflict.kind !== "diverged") return unresolved;
      // Our own last-received hold says only that we put the snapshot there.
      if (conflict.holds.some(({ tag }) => tag !== lastReceivedHoldTag(input.receiverJob))) return unresolved;
      const base = receiver.versions.find(({ kind, guid }) => kind === "snapshot" && guid === conflict.common.guid);
      if (base === undefined) return unresolved;
      const gone = new Set(conflict.receiverOnly.map(({ guid }) => guid));
      const rolledBack = {
        ...receiver,
        versions: receiver.versions.filter(({ kind, guid }) => kind === "bookmark" || !gone.has(guid)),
        history: undefined,
      };
      const rollback: Preparation = { do: "rollback", to: base, destroys: conflict.receiverOnly };
      return planPath(sender, rolledBack, [...preparations, rollback], input);
    }
  }
}

function planUpToDate(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  { base: at, received }: Extract<IncrementalPath, { kind: "upToDate" }>,
  preparations: readonly Preparation[],
  input: PlanInput,
): FilesystemPlan {
  const guarantee = input.policy.replication.protection.incremental;
  const cursorTo = senderIsTidy(sender, at, guarantee, input.senderJob) ? undefined : at;
  const lastReceivedTo =
    receiver === undefined || receiverIsTidy(receiver, received, guarantee, input.receiverJob) ? undefined : received;
  const healing = cursorTo === undefined && lastReceivedTo === undefined ? undefined : { cursorTo, lastReceivedTo };
  return { filesystem: sender.filesystem, outcome: "upToDate", at, preparations, healing, guarantee };
}

function holdsOn(versions: readonly FilesystemVersion[], receiver: FilesystemState | undefined): SnapshotHold[] {
  return versions.flatMap(({ name }) => (receiver?.holds.get(name) ?? []).map((tag) => ({ snapshot: name, tag })));
}

function hasChildren(filesystem: string, { receiver }: PlanInput): boolean {
  return receiver.some((state) => state.filesystem.startsWith(`${filesystem}/`));
}

function refused(filesystem: string, message: string, onReceiver: boolean): FilesystemPlan {
  return { filesystem, outcome: "refused", message, onReceiver };
}
