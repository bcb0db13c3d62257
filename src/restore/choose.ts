/** Which replicas a restore takes, up to which snapshot, and where they go. Pure. */
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { isBelow } from "../zfs/name.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

export interface RestoreRequest {
  /** The original's name. */
  readonly filesystem: string;
  /** What is below it, too. */
  readonly recursive: boolean;
  /** The snapshot of this name, or the newest one that is not younger; neither = the newest. */
  readonly snapshot?: string | undefined;
  readonly atSec?: number | undefined;
  /** Instead of the original's name. */
  readonly to?: string | undefined;
  /** Go on from the original's newest snapshot. */
  readonly ontoOriginal: boolean;
}

export interface Choice {
  readonly filesystem: string;
  readonly target: string;
  /** The replica with its snapshots up to the one that is restored; undefined = there is none. */
  readonly replica: FilesystemState | undefined;
  /** Why there is none. */
  readonly reason: string;
  /** Snapshots of the replica that are newer than the restored one. */
  readonly newer: number;
}

/** Parents before children; empty = the receiver has nothing of that name. */
export function chooseReplicas(replicas: readonly FilesystemState[], request: RestoreRequest): Choice[] {
  const { filesystem, recursive } = request;
  return replicas
    .filter((state) => state.filesystem === filesystem || (recursive && isBelow(state.filesystem, filesystem)))
    .map((state) => choose(state, request));
}

function choose(state: FilesystemState, request: RestoreRequest): Choice {
  const { filesystem } = state;
  const target = (request.to ?? request.filesystem) + filesystem.slice(request.filesystem.length);
  const snapshots = state.versions.filter(({ kind }) => kind === "snapshot");
  const until = snapshots.findLastIndex((snapshot) => isWanted(snapshot, request));
  if (until === -1) {
    const reason =
      snapshots.length === 0
        ? "the receiver has no snapshot of it"
        : request.snapshot !== undefined
          ? `the receiver has no snapshot @${request.snapshot} of it`
          : "the receiver has no snapshot of it that is old enough";
    return { filesystem, target, replica: undefined, reason, newer: 0 };
  }
  const { type, isPlaceholder, encrypted, resumeToken, holds, refusal } = state;
  const versions = snapshots.slice(0, until + 1);
  const replica = { filesystem, type, isPlaceholder, encrypted, resumeToken, holds, refusal, versions };
  return { filesystem, target, replica, reason: "", newer: snapshots.length - versions.length };
}

function isWanted({ name, creationSec }: FilesystemVersion, { snapshot, atSec }: RestoreRequest): boolean {
  if (snapshot !== undefined) return name === snapshot;
  return atSec === undefined || creationSec <= atSec;
}
