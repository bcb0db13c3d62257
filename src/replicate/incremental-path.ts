/** The pure heart of replication: from two histories to what must be sent (zrepl-behaviour.md §4.4). */
import { historyOf, newestSnapshot, searchNewest, type Versioned } from "../zfs/history.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

export type IncrementalPath =
  /** `base` is on both sides and the receiver's newest; `snapshots` are to be sent, oldest first. */
  | { readonly kind: "path"; readonly base: FilesystemVersion; readonly snapshots: readonly FilesystemVersion[] }
  /** The receiver's newest snapshot is the newest that is to be sent; both as each side has it. */
  | { readonly kind: "upToDate"; readonly base: FilesystemVersion; readonly received: FilesystemVersion }
  | { readonly kind: "noSenderSnapshots" }
  | {
      readonly kind: "noCommonAncestor";
      readonly sender: readonly FilesystemVersion[];
      readonly receiver: readonly FilesystemVersion[];
    }
  | {
      readonly kind: "diverged";
      /** The newest common version, as the sender has it. */
      readonly common: FilesystemVersion;
      readonly senderOnly: readonly FilesystemVersion[];
      readonly receiverOnly: readonly FilesystemVersion[];
    };

/**
 * Compares by guid. The receiver's bookmarks don't count: nothing can be received onto them (zrepl #490).
 * `isChosen` says which of the sender's snapshots are to be replicated; the others still serve as a base.
 */
export function incrementalPath(
  receiver: Versioned,
  sender: Versioned,
  isChosen: (snapshot: FilesystemVersion) => boolean = () => true,
): IncrementalPath {
  // nearly always the receiver's newest is among the sender's newest: then nobody looks at the others
  const received = newestSnapshot(receiver);
  const later = received && searchNewest(sender, (versions) => newerThan(versions, received.guid));
  if (received === undefined || later === undefined)
    return divergence(historyOf(receiver).versions.filter(isSnapshot), historyOf(sender).versions);
  const { base } = later;
  const snapshots = later.snapshots.filter(isChosen);
  return snapshots.length === 0 ? { kind: "upToDate", base, received } : { kind: "path", base, snapshots };
}

/**
 * The version with this guid and the snapshots after it; where the sender has snapshot and bookmark, the snapshot, as it
 * comes after its bookmark.
 */
function newerThan(
  versions: readonly FilesystemVersion[],
  guid: string,
): { readonly base: FilesystemVersion; readonly snapshots: readonly FilesystemVersion[] } | undefined {
  const index = versions.findLastIndex((version) => version.guid === guid);
  const base = versions[index];
  return base && { base, snapshots: versions.slice(index + 1).filter(isSnapshot) };
}

/** Where the receiver's newest snapshot is not on the sender. */
function divergence(receiver: readonly FilesystemVersion[], sender: readonly FilesystemVersion[]): IncrementalPath {
  // later entries win, as in `newerThan`
  const indexByGuid = new Map(sender.map(({ guid }, index) => [guid, index]));
  const receiverIndex = receiver.findLastIndex(({ guid }) => indexByGuid.has(guid));
  const senderIndex = indexByGuid.get(receiver[receiverIndex]?.guid ?? "") ?? -1;
  const common = sender[senderIndex];
  if (common === undefined)
    return sender.length === 0 ? { kind: "noSenderSnapshots" } : { kind: "noCommonAncestor", sender, receiver };
  return {
    kind: "diverged",
    common,
    senderOnly: sender.slice(senderIndex + 1),
    receiverOnly: receiver.slice(receiverIndex + 1),
  };
}

function isSnapshot({ kind }: FilesystemVersion): boolean {
  return kind === "snapshot";
}
