/** Lists of snapshots made elsewhere, for trying a policy on them (`test prune`). Pure. */
import { UsageError } from "../errors.ts";
import type { PruneFilesystem } from "../prune/plan.ts";
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

/** The command whose output `parseVersionList` reads. */
export const VERSION_LIST_COMMAND =
  "zfs list -Hp -t filesystem,volume,snapshot,bookmark -o name,type,guid,createtxg,creation";

/** A filesystem with its versions, as far as a list tells. */
export interface ListedFilesystem {
  readonly name: string;
  readonly type: "filesystem" | "volume";
  readonly versions: FilesystemVersion[];
}

/**
 * Filesystems by name, in the order of the list; one whose own line is missing is taken for a filesystem.
 * @throws {UsageError} naming the first line that is not as `VERSION_LIST_COMMAND` prints it
 */
export function parseVersionList(text: string): Map<string, ListedFilesystem> {
  const filesystems = new Map<string, ListedFilesystem>();
  const filesystemOf = (name: string, type: ListedFilesystem["type"]) => {
    const known = filesystems.get(name) ?? { name, type, versions: [] };
    filesystems.set(name, known);
    return known;
  };
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const match = /^([^\t]+)\t(filesystem|volume|snapshot|bookmark)\t(\d+|-)\t(\d+|-)\t(\d+|-)\r?$/.exec(line);
    const [, name = "", type, guid = "", createtxg = "", creation = ""] = match ?? [];
    if (type === "filesystem" || type === "volume") {
      filesystemOf(name, type);
      continue;
    }
    const at = name.indexOf(type === "snapshot" ? "@" : "#");
    if (type === undefined || at < 1 || [guid, createtxg, creation].includes("-"))
      throw new UsageError(`line ${index + 1} is no dataset: ${JSON.stringify(line.slice(0, 100))}`, {
        hint: `make the list with: ${VERSION_LIST_COMMAND}`,
      });
    filesystemOf(name.slice(0, at), "filesystem").versions.push({
      kind: type === "snapshot" ? "snapshot" : "bookmark",
      name: name.slice(at + 1),
      guid,
      createtxg: BigInt(createtxg),
      creationSec: Number(creation),
      userrefs: 0,
    });
  }
  return filesystems;
}
