import type { KeepRule } from "../config/config.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { applyKeepRules } from "./keep.ts";
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
}

export interface PruneInput {
  readonly filesystems: readonly PruneFilesystem[];
  readonly rules: readonly KeepRule[];
  readonly side: PruneSide;
  /** Snapshots that are never destroyed, whatever the rules say, and why: guid → reason. */
  readonly protectedGuids: ReadonlyMap<string, string>;
}

export interface KeptSnapshot {
  readonly snapshot: PruneSnapshot;
  readonly reasons: readonly string[];
}

export type PruneFilesystemPlan =
  | { readonly outcome: "skip"; readonly filesystem: string; readonly reason: string }
  /** All lists in createtxg order. */
  | {
      readonly outcome: "prune";
      readonly filesystem: string;
      readonly destroy: readonly PruneSnapshot[];
      readonly keep: readonly KeptSnapshot[];
      /** No rule keeps them, but somebody holds them: left alone and reported, never an error. */
      readonly held: readonly PruneSnapshot[];
    };

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
  const reason = skipReason(entry, input.side);
  if (reason !== undefined) return { outcome: "skip", filesystem, reason };
  const cursorGuid = input.side === "local" ? newestGuid(entry.snapshots) : entry.cursorGuid;
  const atCursor = considerSnapAtCursorReplicated(input.rules, input.side);
  const decisions = applyKeepRules(input.rules, markReplicated(entry.snapshots, cursorGuid, atCursor));
  const destroy: PruneSnapshot[] = [];
  const keep: KeptSnapshot[] = [];
  const held: PruneSnapshot[] = [];
  for (const { snapshot, reasons } of decisions) {
    const protection = input.protectedGuids.get(snapshot.guid);
    const allReasons = protection === undefined ? reasons : [...reasons, `protected: ${protection}`];
    if (allReasons.length > 0) keep.push({ snapshot, reasons: allReasons });
    else if (snapshot.userrefs > 0) held.push(snapshot);
    else destroy.push(snapshot);
  }
  return { outcome: "prune", filesystem, destroy, keep, held };
}

function skipReason(entry: PruneFilesystem, side: PruneSide): string | undefined {
  if (entry.isPlaceholder) return "filesystem is placeholder";
  if (side === "receiver" && !entry.hasSenderCounterpart) return "filesystem has no correspondence on sender";
  return undefined;
}
