/** Histories that don't join: what is where, what resolving it would cost, and the command that would (§4.4). */

import { shellWord } from "../shell-words.ts";
import { unreachable } from "../unreachable.ts";
import { PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

export type Conflict =
  | {
      readonly kind: "noCommonAncestor";
      readonly sender: readonly FilesystemVersion[];
      readonly receiver: readonly FilesystemVersion[];
      readonly hasChildren: boolean;
    }
  | {
      readonly kind: "diverged";
      readonly common: FilesystemVersion;
      readonly senderOnly: readonly FilesystemVersion[];
      readonly receiverOnly: readonly FilesystemVersion[];
      /** Holds on them, ours too: what is held can't be rolled back over. */
      readonly holds: readonly SnapshotHold[];
      readonly hasChildren: boolean;
    }
  /** The receiver's filesystem has no snapshots, is no placeholder, and was not made by an interrupted receive. */
  | { readonly kind: "receiverWithoutSnapshots"; readonly hasChildren: boolean };

export interface SnapshotHold {
  readonly snapshot: string;
  readonly tag: string;
}

/** Lists longer than this are shortened in the middle: some histories have tens of thousands of snapshots. */
const MAX_LISTED = 20;

/**
 * The explanation, several lines. `receiverName` is the receiver's own name of the filesystem, for commands.
 */
export function describeConflict(conflict: Conflict, receiverName: string): string[] {
  switch (conflict.kind) {
    case "noCommonAncestor":
      return [
        "no common snapshot or suitable bookmark between sender and receiver:",
        "  sorted sender versions:",
        ...listed(conflict.sender),
        "  sorted receiver versions:",
        ...listed(conflict.receiver),
        `to start again and keep the old replica, on the receiver: zfs rename ${shellWord(receiverName)} ${shellWord(`${receiverName}.old`)}`,
        conflict.hasChildren
          ? "the filesystems below it go along, and will be sent again, too"
          : "conflict_resolution.diverged: set_aside would do the same",
      ];
    case "diverged":
      return [
        "the receiver's latest snapshot is not present on sender:",
        `  last common: ${relativeName(conflict.common)}`,
        "  sender-only:",
        ...listed(conflict.senderOnly),
        "  receiver-only:",
        ...listed(conflict.receiverOnly),
        ...conflict.holds.map(
          ({ snapshot, tag }) =>
            `a hold is in the way, to be taken off first: zfs release ${shellWord(tag)} ${shellWord(`${receiverName}@${snapshot}`)}`,
        ),
        `the receiver-only snapshots (${conflict.receiverOnly.length}) exist nowhere else; to destroy them and go on from the last common one, on the receiver: zfs rollback -r ${shellWord(`${receiverName}@${receiverNameOf(conflict)}`)}`,
        conflict.hasChildren
          ? "conflict_resolution.diverged: rollback would do the same; set_aside can't, the filesystem has children"
          : "conflict_resolution.diverged: rollback would do the same, set_aside would rename the replica and send it again",
      ];
    case "receiverWithoutSnapshots":
      return [
        "the receiver has a filesystem of this name without any snapshot, so nothing can be received into it",
        conflict.hasChildren
          ? `there are filesystems below it; if it holds nothing of value itself, let it be replaced, on the receiver: zfs set ${PLACEHOLDER_PROPERTY}=on ${shellWord(receiverName)}`
          : `if it holds nothing of value, on the receiver: zfs destroy ${shellWord(receiverName)}`,
      ];
    default:
      return unreachable(conflict);
  }
}

/** One line, for where there is no room. */
export function summarizeConflict(conflict: Conflict): string {
  switch (conflict.kind) {
    case "noCommonAncestor":
      return "no common snapshot or suitable bookmark between sender and receiver";
    case "diverged":
      return `diverged: the receiver has ${conflict.receiverOnly.length} snapshot(s) after the last common one (${relativeName(conflict.common)})`;
    case "receiverWithoutSnapshots":
      return "the receiver's filesystem has no snapshots";
    default:
      return unreachable(conflict);
  }
}

/** The common version is named as the sender has it, which may be a bookmark; most names say the snapshot's anyway. */
function receiverNameOf(conflict: Extract<Conflict, { kind: "diverged" }>): string {
  return conflict.common.kind === "snapshot" ? conflict.common.name : "LAST_COMMON_SNAPSHOT";
}

function listed(versions: readonly FilesystemVersion[]): string[] {
  const names = versions.map((version) => `    ${relativeName(version)}`);
  if (names.length <= MAX_LISTED) return names;
  const half = MAX_LISTED / 2;
  return [...names.slice(0, half), `    … ${names.length - MAX_LISTED} more …`, ...names.slice(-half)];
}
