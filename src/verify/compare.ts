/** What the two sides of a job have in common by guid, and what is not as the config wants it. Pure. */
import type { ReplicationOptions } from "../config/config.ts";
import type { KeepRule } from "../config/pruning-config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { applyKeepRules } from "../prune/keep.ts";
import { summarizeConflict } from "../replicate/conflict.ts";
import type { FilesystemPlan } from "../replicate/plan.ts";
import { chosenSnapshots } from "../replicate/plan-steps.ts";
import { receiverIsTidy, senderIsTidy } from "../replicate/tidy.ts";
import { count } from "../report/format.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

/** A snapshot that both sides have, as each has it. */
export interface CommonSnapshot {
  readonly sender: FilesystemVersion;
  readonly receiver: FilesystemVersion;
}

export interface Comparison {
  readonly filesystem: string;
  readonly type: FilesystemState["type"];
  /** Snapshots of the receiver that the sender has too, as snapshot or bookmark. */
  readonly identical: number;
  /** Those that are snapshots on both sides, oldest first. */
  readonly common: readonly CommonSnapshot[];
  /** What is not as it should be. */
  readonly problems: readonly string[];
  /** What is as it may be between two runs. */
  readonly notes: readonly string[];
}

export interface CompareInput {
  readonly sender: readonly FilesystemState[];
  readonly receiver: readonly FilesystemState[];
  /** What the next replication would do. */
  readonly plans: readonly FilesystemPlan[];
  readonly senderJob: string;
  readonly receiverJob: string;
  readonly replication: ReplicationOptions;
  readonly keepReceiver: readonly KeepRule[];
}

/** Of the sender's filesystems, those that are no placeholders. */
export function compareSides(input: CompareInput): Comparison[] {
  const receivers = new Map(input.receiver.map((state) => [state.filesystem, state]));
  const plans = new Map(input.plans.map((plan) => [plan.filesystem, plan]));
  return input.sender
    .filter(({ isPlaceholder }) => !isPlaceholder)
    .map((sender) => compare(sender, receivers.get(sender.filesystem), plans.get(sender.filesystem), input));
}

function compare(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  plan: FilesystemPlan | undefined,
  input: CompareInput,
): Comparison {
  const { filesystem, type } = sender;
  const ours = sender.versions;
  const theirs = (receiver?.versions ?? []).filter(isSnapshot);
  const guids = new Set(ours.map(({ guid }) => guid));
  const byGuid = new Map(theirs.map((snapshot) => [snapshot.guid, snapshot]));
  const common = ours.filter(isSnapshot).flatMap((snapshot): CommonSnapshot[] => {
    const found = byGuid.get(snapshot.guid);
    return found === undefined ? [] : [{ sender: snapshot, receiver: found }];
  });
  const problems = [...impostors(ours, theirs), ...missing(sender, common, byGuid, input)];
  const notes: string[] = [];
  judgePlan(plan, { sender, receiver, input, problems, notes });
  const identical = theirs.filter(({ guid }) => guids.has(guid)).length;
  return { filesystem, type, identical, common, problems, notes };
}

interface Judging {
  readonly sender: FilesystemState;
  readonly receiver: FilesystemState | undefined;
  readonly input: CompareInput;
  readonly problems: string[];
  readonly notes: string[];
}

/** What the next replication would do tells what is missing. */
function judgePlan(plan: FilesystemPlan | undefined, { sender, receiver, input, problems, notes }: Judging): void {
  switch (plan?.outcome) {
    case "refused":
      problems.push(plan.message);
      return;
    case "conflict":
      problems.push(summarizeConflict(plan.conflict));
      return;
    case "nothing":
      notes.push(plan.reason);
      return;
    case "upToDate":
      problems.push(...untidy(plan.at, sender, receiver, input));
      return;
    case "steps": {
      const [first] = plan.steps;
      const later = plan.steps.reduce((sum, { via }) => sum + 1 + via.length, 0);
      if (first?.resumeToken !== undefined) notes.push("a transfer was interrupted; the next run resumes it");
      if (first?.from === undefined && first?.resumeToken === undefined)
        problems.push("not on the receiver yet; the next run sends it in full");
      else notes.push(`${count(later, "newer snapshot")} not replicated yet`);
      if (first?.from !== undefined && first.resumeToken === undefined)
        problems.push(...untidy(first.from, sender, receiver, input));
      return;
    }
  }
}

/** Cursor and last-received hold, which keep the next step's base from being destroyed. */
function untidy(
  at: FilesystemVersion,
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  { replication, senderJob, receiverJob }: CompareInput,
): string[] {
  const guarantee = replication.protection.incremental;
  const received = receiver?.versions.find((version) => isSnapshot(version) && version.guid === at.guid);
  const problems: string[] = [];
  const remedy = "the next run puts that right";
  if (!senderIsTidy(sender, at, guarantee, senderJob))
    problems.push(`the sender's cursors and step holds are not those of ${relativeName(at)}; ${remedy}`);
  if (receiver !== undefined && received !== undefined && !receiverIsTidy(receiver, received, guarantee, receiverJob))
    problems.push(`the last-received hold is not just on ${relativeName(received)}; ${remedy}`);
  return problems;
}

/** Snapshots of one name that are not the same. */
function impostors(ours: readonly FilesystemVersion[], theirs: readonly FilesystemVersion[]): string[] {
  const byName = new Map(theirs.map(({ name, guid }) => [name, guid]));
  return ours.filter(isSnapshot).flatMap(({ name, guid }) => {
    const other = byName.get(name);
    return other === undefined || other === guid
      ? []
      : [`@${name} is not the same on both sides: guid ${guid} on the sender, ${other} on the receiver`];
  });
}

/** Snapshots between replicated ones that the receiver does not have, although its keep rules want them. */
function missing(
  sender: FilesystemState,
  common: readonly CommonSnapshot[],
  byGuid: ReadonlyMap<string, FilesystemVersion>,
  { replication, keepReceiver }: CompareInput,
): string[] {
  const chosen = chosenSnapshots(sender, replication);
  const first = chosen.findIndex(({ guid }) => guid === common[0]?.sender.guid);
  const last = chosen.findIndex(({ guid }) => guid === common.at(-1)?.sender.guid);
  const lacking = first === -1 ? [] : chosen.slice(first, last + 1).filter(({ guid }) => !byGuid.has(guid));
  if (lacking.length === 0) return [];
  const rules = keepReceiver.flatMap(lasting);
  if (keepReceiver.length > 0 && rules.length === 0) return [];
  // in the sender's pool what only the receiver has left has no place: creation times do
  const all = [...byGuid.values(), ...lacking].map(({ name, guid, creationSec, userrefs }) => ({
    ...{ name, guid, creationSec, userrefs, createtxg: BigInt(creationSec), replicated: true },
  }));
  const wanted = new Set(
    applyKeepRules(rules, all).flatMap(({ snapshot, action }) => (action === "keep" ? [snapshot.guid] : [])),
  );
  return lacking
    .filter(({ guid }) => wanted.has(guid))
    .map(({ name }) => `@${name} is not on the receiver, although keep_receiver keeps it`);
}

/** What a rule keeps now, it has always kept: only then is a snapshot that is not there a gap. A grid's edges move. */
function lasting(rule: KeepRule): KeepRule[] {
  if (rule.type === "last_n" || rule.type === "regex") return [rule];
  if (rule.type !== "grid") return [];
  const bounded = rule.intervals.findIndex(({ keep }) => keep !== "all");
  const intervals = bounded === -1 ? rule.intervals : rule.intervals.slice(0, bounded);
  return intervals.length === 0 ? [] : [{ ...rule, intervals }];
}

function isSnapshot({ kind }: FilesystemVersion): boolean {
  return kind === "snapshot";
}
