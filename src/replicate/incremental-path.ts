/** The pure heart of replication: from two histories to what must be sent (zrepl-behaviour.md §4.4). */
import { compareVersions, type FilesystemVersion, isInOrder } from "../zfs/version.ts";

export type IncrementalPath =
  /** `base` is on both sides and the receiver's newest; `snapshots` are to be sent, oldest first. */
  | { readonly kind: "path"; readonly base: FilesystemVersion; readonly snapshots: readonly FilesystemVersion[] }
  /** The receiver's newest snapshot is the newest that is to be sent. */
  | { readonly kind: "upToDate"; readonly base: FilesystemVersion }
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
  receiverVersions: readonly FilesystemVersion[],
  senderVersions: readonly FilesystemVersion[],
  isChosen: (snapshot: FilesystemVersion) => boolean = () => true,
): IncrementalPath {
  const receiver = inOrder(receiverVersions.filter(({ kind }) => kind === "snapshot"));
  const sender = inOrder(senderVersions);
  const common = newestCommon(receiver, sender);
  if (common === undefined)
    return sender.length === 0 ? { kind: "noSenderSnapshots" } : { kind: "noCommonAncestor", sender, receiver };
  const base = sender[common.senderIndex] as FilesystemVersion;
  const later = sender.slice(common.senderIndex + 1);
  if (common.receiverIndex !== receiver.length - 1)
    return {
      kind: "diverged",
      common: base,
      senderOnly: later,
      receiverOnly: receiver.slice(common.receiverIndex + 1),
    };
  const snapshots = later.filter(
    (version) => version.kind === "snapshot" && version.guid !== base.guid && isChosen(version),
  );
  return snapshots.length === 0 ? { kind: "upToDate", base } : { kind: "path", base, snapshots };
}

/** The receiver's newest snapshot that the sender has too; where the sender has snapshot and bookmark, the snapshot. */
function newestCommon(
  receiver: readonly FilesystemVersion[],
  sender: readonly FilesystemVersion[],
): { readonly receiverIndex: number; readonly senderIndex: number } | undefined {
  // Nearly always the receiver's newest is among the sender's newest.
  const newest = receiver.at(-1);
  const senderIndexOfNewest = newest === undefined ? -1 : sender.findLastIndex(({ guid }) => guid === newest.guid);
  if (senderIndexOfNewest !== -1) return { receiverIndex: receiver.length - 1, senderIndex: senderIndexOfNewest };
  // Later entries win: on a tie the order has the bookmark first, so the snapshot's index stays.
  const indexByGuid = new Map(sender.map(({ guid }, index) => [guid, index]));
  for (let receiverIndex = receiver.length - 1; receiverIndex >= 0; receiverIndex--) {
    const senderIndex = indexByGuid.get(receiver[receiverIndex]?.guid ?? "");
    if (senderIndex !== undefined) return { receiverIndex, senderIndex };
  }
  return undefined;
}

function inOrder(versions: readonly FilesystemVersion[]): readonly FilesystemVersion[] {
  return isInOrder(versions) ? versions : versions.toSorted(compareVersions);
}
