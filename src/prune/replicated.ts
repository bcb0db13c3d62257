import type { KeepRule } from "../config/pruning-config.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";
import type { PruneSnapshot } from "./snapshot.ts";

/** The side that is pruned; `local` = a snap job, which replicates nothing. */
export type PruneSide = "sender" | "receiver" | "local";

/**
 * Whether the snapshot at the replication cursor counts as replicated, so that `not_replicated` lets it go: only on the
 * sender, and if any such rule has `keep_snapshot_at_cursor: false` (§5.4).
 */
export function considerSnapAtCursorReplicated(rules: readonly KeepRule[], side: PruneSide): boolean {
  return side === "sender" && rules.some((rule) => rule.type === "not_replicated" && !rule.keepSnapshotAtCursor);
}

/**
 * The snapshots in createtxg order, each with its replicated flag (§5.4 e): those before the snapshot at the cursor are
 * replicated, later ones are not. No cursor, or no snapshot at it: none is, so that a `not_replicated` rule keeps them all
 * where zrepl gives up on the filesystem.
 */
export function markReplicated(
  versions: readonly FilesystemVersion[],
  cursorGuid: string | undefined,
  snapAtCursorIsReplicated: boolean,
): PruneSnapshot[] {
  const snapshots = versions.filter(({ kind }) => kind === "snapshot").sort(compareVersions);
  const atCursor = snapshots.findIndex(({ guid }) => guid === cursorGuid);
  return snapshots.map(({ name, guid, createtxg, creationSec, userrefs }, i) => {
    const replicated = i < atCursor || (i === atCursor && snapAtCursorIsReplicated);
    return { name, guid, createtxg, creationSec, userrefs, replicated };
  });
}

/** What a snap job has instead of a cursor: its newest version. */
export function newestGuid(versions: readonly FilesystemVersion[]): string | undefined {
  return versions.reduce<FilesystemVersion | undefined>(
    (newest, version) => (newest === undefined || compareVersions(version, newest) > 0 ? version : newest),
    undefined,
  )?.guid;
}
