/** From where each filesystem can go on, whatever tool made the replica. Pure. */
import type { ReplicationOptions } from "../config/config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { incrementalPath } from "../replicate/incremental-path.ts";
import { receiverIsTidy, senderIsTidy } from "../replicate/tidy.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

export type Adoption = { readonly filesystem: string } & (
  | {
      readonly outcome: "adopt";
      /** The newest common version as each side has it. */
      readonly base: FilesystemVersion;
      readonly received: FilesystemVersion;
      /** Whether all is there already. */
      readonly isDone: boolean;
      /** Snapshots that the first run will send. */
      readonly later: number;
    }
  /** As it should be: the first run needs no base, or has one. */
  | { readonly outcome: "nothing"; readonly reason: string }
  /** The first run could not go on from what is there. */
  | { readonly outcome: "impossible"; readonly reason: string }
);

export interface AdoptInput {
  readonly sender: readonly FilesystemState[];
  readonly receiver: readonly FilesystemState[];
  readonly senderJob: string;
  readonly receiverJob: string;
  readonly replication: ReplicationOptions;
  /** The receiver's own name of a filesystem. */
  readonly receiverName: (filesystem: string) => string;
}

export function planAdoption(input: AdoptInput): Adoption[] {
  const receivers = new Map(input.receiver.map((state) => [state.filesystem, state]));
  return input.sender.map((sender) => adoptionOf(sender, receivers.get(sender.filesystem), input));
}

function adoptionOf(sender: FilesystemState, receiver: FilesystemState | undefined, input: AdoptInput): Adoption {
  const { filesystem } = sender;
  const nothing = (reason: string): Adoption => ({ filesystem, outcome: "nothing", reason });
  const impossible = (reason: string): Adoption => ({ filesystem, outcome: "impossible", reason });
  if (sender.isPlaceholder) return nothing("it is a placeholder");
  const name = input.receiverName(filesystem);
  if (receiver === undefined || (receiver.isPlaceholder && !receiver.versions.some(isSnapshot))) {
    const elsewhere = findCopy(sender, input);
    if (elsewhere !== undefined)
      return impossible(`its replica is ${input.receiverName(elsewhere)}, the job wants it at ${name}: zfs rename it`);
    return nothing(`not on the receiver as ${name}: the first run sends it in full`);
  }
  if (receiver.resumeToken !== undefined)
    return nothing("a transfer into it was interrupted: the first run resumes it, or clears it");
  const path = incrementalPath(receiver, sender);
  switch (path.kind) {
    case "noSenderSnapshots":
      return nothing("no snapshots on the sender");
    case "noCommonAncestor":
      return impossible(`no snapshot of ${name} is on the sender, neither is a bookmark of one`);
    case "diverged": {
      const [first] = path.receiverOnly;
      const newer = path.receiverOnly.length;
      return impossible(
        `${name} has ${newer} newer snapshot${newer === 1 ? "" : "s"} than the last common one, ${relativeName(path.common)}, the first of them ${first === undefined ? "" : relativeName(first)}: only after a rollback can anything be received into it`,
      );
    }
    case "upToDate":
    case "path": {
      const { base } = path;
      const received = receiver.versions.find((version) => isSnapshot(version) && version.guid === base.guid);
      if (received === undefined) throw new Error("the base of a path is a snapshot of the receiver");
      const guarantee = input.replication.protection.incremental;
      const isDone =
        senderIsTidy(sender, base, guarantee, input.senderJob) &&
        receiverIsTidy(receiver, received, guarantee, input.receiverJob);
      const later = path.kind === "path" ? path.snapshots.length : 0;
      return { filesystem, outcome: "adopt", base, received, isDone, later };
    }
  }
}

/** Another filesystem of the receiver that has snapshots of this one. */
function findCopy({ versions }: FilesystemState, { receiver }: AdoptInput): string | undefined {
  const guids = new Set(versions.map(({ guid }) => guid));
  return receiver.find((state) => state.versions.some((version) => isSnapshot(version) && guids.has(version.guid)))
    ?.filesystem;
}

function isSnapshot({ kind }: FilesystemVersion): boolean {
  return kind === "snapshot";
}
