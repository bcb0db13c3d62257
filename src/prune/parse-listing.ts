/** Lists of snapshots made elsewhere, for trying a policy on them (`test prune`). Pure. */
import { UsageError } from "../errors.ts";
import type { PruneFilesystem } from "./plan.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

/** The command whose output `parseSnapshotList` reads. */
export const SNAPSHOT_LIST_COMMAND = "zfs list -Hp -t snapshot -o name,guid,createtxg,creation,userrefs";

/**
 * Snapshots by filesystem, in the order of the list.
 * @throws {UsageError} naming the first line that is not as `SNAPSHOT_LIST_COMMAND` prints it
 */
export function parseSnapshotList(text: string): Map<string, FilesystemVersion[]> {
  const filesystems = new Map<string, FilesystemVersion[]>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const match = /^([^\t@]+)@([^\t]+)\t(\d+)\t(\d+)\t(\d+)(?:\t(\d+|-))?\r?$/.exec(line);
    if (match === null)
      throw new UsageError(`line ${index + 1} is not a snapshot: ${JSON.stringify(line.slice(0, 100))}`, {
        hint: `make the list with: ${SNAPSHOT_LIST_COMMAND}`,
      });
    const [, filesystem = "", name = "", guid = "", createtxg = "", creation = "", userrefs = ""] = match;
    const snapshots = filesystems.get(filesystem) ?? [];
    filesystems.set(filesystem, snapshots);
    snapshots.push({
      kind: "snapshot",
      name,
      guid,
      createtxg: BigInt(createtxg),
      creationSec: Number(creation),
      userrefs: Number(userrefs) || 0,
    });
  }
  return filesystems;
}

/** As the planner wants them: of a sender that has them all, with this cursor. */
export function asPruneFilesystems(
  snapshots: ReadonlyMap<string, readonly FilesystemVersion[]>,
  cursorGuid: string | undefined,
): PruneFilesystem[] {
  return [...snapshots].map(([filesystem, versions]) => ({
    filesystem,
    isPlaceholder: false,
    snapshots: versions,
    cursorGuid,
    hasSenderCounterpart: true,
  }));
}
