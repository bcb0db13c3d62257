import type { DestroyLimit, KeepRule, PruneGuards } from "../config/pruning-config.ts";
import { formatDuration } from "../report/format.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { applyKeepRules, type Decision } from "./keep.ts";
import { considerSnapAtCursorReplicated, markReplicated, newestGuid, type PruneSide } from "./replicated.ts";
import type { PruneSnapshot } from "./snapshot.ts";

/** What was observed of one filesystem on the side that is pruned. */
export interface PruneFilesystem {
  readonly filesystem: string;
  readonly isPlaceholder: boolean;
  /** In any order. Only snapshots are pruned; bookmarks count as the newest version of a snap job's filesystem. */
  readonly snapshots: readonly FilesystemVersion[];
  /** Guid of the job's newest replication cursor, which lives on the sender; undefined = not replicated yet. */
  readonly cursorGuid: string | undefined;
  /** Whether the sender has this filesystem, and in its filter; looked at only when the receiver is pruned. */
  readonly hasSenderCounterpart: boolean;
  /** Hold tags by snapshot name, as far as they are known. */
  readonly holds?: ReadonlyMap<string, readonly string[]>;
  /** Its snapshots that are never destroyed, whatever the rules say, and why: guid → reason. */
  readonly protectedGuids?: ReadonlyMap<string, string>;
}

export interface PruneInput {
  readonly filesystems: readonly PruneFilesystem[];
  readonly rules: readonly KeepRule[];
  readonly side: PruneSide;
  /** The same for all filesystems. */
  readonly protectedGuids?: ReadonlyMap<string, string>;
  readonly guards: PruneGuards;
  /** For the guards by age; the rules don't ask the clock. */
  readonly nowSec: number;
  /** Why a receiver's filesystem without a counterpart on the sender is skipped; false = it is pruned like the others. */
  readonly skipVanished?: string | false;
}

export interface KeptSnapshot {
  readonly snapshot: PruneSnapshot;
  readonly reasons: readonly string[];
}

export interface HeldSnapshot {
  readonly snapshot: PruneSnapshot;
  /** Empty = not known. */
  readonly tags: readonly string[];
}

export type PruneFilesystemPlan = { readonly filesystem: string } & (
  | { readonly outcome: "skip"; readonly reason: string }
  /** The rules keep none of its snapshots, which is more likely a mistake in them than what was meant. */
  | { readonly outcome: "leftAlone"; readonly snapshots: readonly PruneSnapshot[] }
  /** All lists in createtxg order. */
  | {
      readonly outcome: "prune";
      readonly destroy: readonly PruneSnapshot[];
      readonly keep: readonly KeptSnapshot[];
      /** No rule keeps them, but somebody holds them: left alone and reported, never an error. */
      readonly held: readonly HeldSnapshot[];
    }
);

/** Sorted by filesystem. */
export type PrunePlan = readonly PruneFilesystemPlan[];

/** Decides what to destroy on one side (§5.4). No clock, no order of the input: same input, same plan. */
export function planPrune(input: PruneInput): PrunePlan {
  return [...input.filesystems]
    .sort((a, b) => (a.filesystem < b.filesystem ? -1 : a.filesystem > b.filesystem ? 1 : 0))
    .map((entry) => planFilesystem(entry, input));
}

function planFilesystem(entry: PruneFilesystem, input: PruneInput): PruneFilesystemPlan {
  const { filesystem } = entry;
  const reason = skipReason(entry, input);
  if (reason !== undefined) return { filesystem, outcome: "skip", reason };
  const cursorGuid = input.side === "local" ? newestGuid(entry.snapshots) : entry.cursorGuid;
  const atCursor = considerSnapAtCursorReplicated(input.rules, input.side);
  const decisions = applyKeepRules(input.rules, markReplicated(entry.snapshots, cursorGuid, atCursor));
  const destroy: PruneSnapshot[] = [];
  const keep: KeptSnapshot[] = [];
  const held: HeldSnapshot[] = [];
  const newest = decisions.at(-1);
  for (const decision of decisions) {
    const { snapshot } = decision;
    const reasons = guardedReasons(decision, decision === newest, entry, input);
    if (reasons.length > 0) keep.push({ snapshot, reasons });
    else if (snapshot.userrefs > 0) held.push({ snapshot, tags: entry.holds?.get(snapshot.name) ?? [] });
    else destroy.push(snapshot);
  }
  const keepsNone = decisions.every(({ reasons }) => reasons.length === 0);
  if (keepsNone && destroy.length > 0 && input.guards.allowEmpty !== true)
    return { filesystem, outcome: "leftAlone", snapshots: decisions.map(({ snapshot }) => snapshot) };
  return { filesystem, outcome: "prune", destroy, keep, held };
}

function skipReason(entry: PruneFilesystem, { side, skipVanished = NO_COUNTERPART }: PruneInput): string | undefined {
  if (entry.isPlaceholder) return "filesystem is placeholder";
  return side === "receiver" && !entry.hasSenderCounterpart && skipVanished !== false ? skipVanished : undefined;
}

export const NO_COUNTERPART = "filesystem has no correspondence on sender";

/** Why a snapshot stays, after `max_age` has taken away and `min_age` and protection have added. */
function guardedReasons(
  decision: Decision,
  isNewest: boolean,
  entry: PruneFilesystem,
  { guards, nowSec, protectedGuids }: PruneInput,
): string[] {
  const { snapshot } = decision;
  const ageSec = nowSec - snapshot.creationSec;
  const { minAgeSec, maxAgeSec } = guards;
  const tooOld = maxAgeSec !== undefined && ageSec > maxAgeSec && !decision.awaitsReplication;
  const reasons = tooOld && !isNewest ? [] : [...decision.reasons];
  if (minAgeSec !== undefined && ageSec < minAgeSec) reasons.push(`younger than min_age ${formatDuration(minAgeSec)}`);
  const protection = entry.protectedGuids?.get(snapshot.guid) ?? protectedGuids?.get(snapshot.guid);
  if (protection !== undefined) reasons.push(`protected: ${protection}`);
  return reasons;
}

/** The numbers of one side that `max_destroy` is about. */
export interface DestroyCount {
  readonly destroy: number;
  readonly snapshots: number;
}

export function countDestroys(plan: PrunePlan): DestroyCount {
  let destroy = 0;
  let snapshots = 0;
  for (const entry of plan) {
    if (entry.outcome === "leftAlone") snapshots += entry.snapshots.length;
    if (entry.outcome !== "prune") continue;
    destroy += entry.destroy.length;
    snapshots += entry.destroy.length + entry.keep.length + entry.held.length;
  }
  return { destroy, snapshots };
}

export function exceedsLimit({ destroy, snapshots }: DestroyCount, limit: DestroyLimit): boolean {
  return "count" in limit ? destroy > limit.count : destroy * 100 > snapshots * limit.percent;
}
