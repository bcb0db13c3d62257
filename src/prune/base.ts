/** Snapshots that no rule may take: the base of the next incremental. Pure. */
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { parseCursor } from "../zfs/abstraction.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";

/** The guid that the sender job's newest cursor stands for (zrepl-behaviour.md §5.4 d); undefined = no cursor. */
export function cursorGuid(sender: FilesystemState, job: string): string | undefined {
  const cursors = sender.versions.filter((version) => {
    const cursor = parseCursor(version);
    return cursor?.kind === "cursor" && cursor.job === job;
  });
  return cursors.sort(compareVersions).at(-1)?.guid;
}

/** The newest snapshot of the receiver that the sender has as a snapshot or bookmark, as the receiver has it. */
export function newestCommonSnapshot(
  sender: FilesystemState,
  receiver: FilesystemState,
): FilesystemVersion | undefined {
  const guids = new Set(sender.versions.map(({ guid }) => guid));
  const snapshots = receiver.versions.filter(({ kind, guid }) => kind === "snapshot" && guids.has(guid));
  return snapshots.sort(compareVersions).at(-1);
}

/**
 * What must stay on the sender: the newest common snapshot, unless a bookmark preserves it as a base; guid → reason.
 */
export function protectedOnSender(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
): [guid: string, reason: string][] {
  const common = receiver === undefined ? undefined : newestCommonSnapshot(sender, receiver);
  if (common === undefined) return [];
  const bookmarked = sender.versions.some(({ kind, guid }) => kind === "bookmark" && guid === common.guid);
  return bookmarked ? [] : [[common.guid, "newest snapshot that the receiver has too"]];
}

/** What must stay on the receiver: the newest common snapshot, whether its last-received hold is there or not. */
export function protectedOnReceiver(
  sender: FilesystemState | undefined,
  receiver: FilesystemState,
): [guid: string, reason: string][] {
  const common = sender === undefined ? undefined : newestCommonSnapshot(sender, receiver);
  return common === undefined ? [] : [[common.guid, "last received snapshot"]];
}
