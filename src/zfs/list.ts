/** One listing per side: filesystems, snapshots, bookmarks in one process (design.md §4). */
import { buildListArgv, chunkArguments, type ListingRequest } from "./argv.ts";
import { ZfsCommandError } from "./errors.ts";
import { type FilesystemRecord, ListingParser } from "./listing-parser.ts";
import { type HoldRecord, parseHolds, parseProperties } from "./parse.ts";
import type { Runner } from "./runner.ts";

export interface Listing {
  /** By name, in the order of the listing. */
  readonly filesystems: ReadonlyMap<string, FilesystemRecord>;
  /** Those of the requested roots that don't exist. */
  readonly missingRoots: readonly string[];
}

/**
 * Lists the roots and everything below them.
 * @throws {ZfsCommandError} when zfs fails for another reason than a missing root
 */
export async function listDatasets(runner: Runner, request: ListingRequest): Promise<Listing> {
  const parser = new ListingParser();
  const argv = buildListArgv(request);
  const result = await runner.run(argv, { onStdout: (chunk) => parser.push(chunk) });
  if (result.exitCode === 0) return { filesystems: parser.end(), missingRoots: [] };
  const missing = /^cannot open '(.+)': (?:dataset does not exist|no such pool or dataset)$/;
  const complaints = result.stderr.split("\n").filter((line) => line !== "");
  const missingRoots = complaints.map((line) => missing.exec(line)?.[1]);
  // of nothing else may it say so: what is taken for missing is taken for never received
  const wasAskedFor = (root: string | undefined): root is string => root !== undefined && request.roots.includes(root);
  if (complaints.length === 0 || !missingRoots.every(wasAskedFor)) {
    if (result.stderr.trim() === "no datasets available") return { filesystems: new Map(), missingRoots: [] };
    throw new ZfsCommandError(argv, result);
  }
  return { filesystems: parser.end(), missingRoots };
}

/**
 * The holds on the given snapshots (`fs@name`), in as few processes as the argument length allows. Snapshots that are
 * gone have none.
 */
export async function listHolds(runner: Runner, snapshots: readonly string[]): Promise<HoldRecord[]> {
  const records: HoldRecord[] = [];
  for (const chunk of chunkArguments(snapshots)) {
    const argv = ["zfs", "holds", "-H", "--", ...chunk];
    const result = await runner.run(argv);
    const others = result.stderr.split("\n").filter((line) => line !== "" && !/: dataset does not exist$/.test(line));
    if (others.length > 0 || (result.exitCode !== 0 && result.stderr === "")) throw new ZfsCommandError(argv, result);
    for (const record of parseHolds(result.stdout)) records.push(record); // there may be more than fit on the stack
  }
  return records;
}

/** The holds on all snapshots of listed filesystems, likewise; no process where nothing is held. */
export function listHeld(runner: Runner, records: Iterable<FilesystemRecord>): Promise<HoldRecord[]> {
  const held = [...records].flatMap(({ name, heldSnapshots }) =>
    heldSnapshots.map((snapshot) => `${name}@${snapshot}`),
  );
  return listHolds(runner, held);
}

/**
 * The datasets at and below the roots on which a property is set locally → its value. `zfs list` can't tell local from
 * inherited.
 */
export async function listLocalProperty(
  runner: Runner,
  property: string,
  roots: readonly string[],
): Promise<Map<string, string>> {
  const types = ["-t", "filesystem,volume"];
  const argv = [
    "zfs",
    "get",
    "-Hp",
    "-r",
    ...types,
    "-s",
    "local",
    "-o",
    "name,property,value,source",
    property,
    ...roots,
  ];
  const result = await runner.run(argv);
  if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
  return new Map(parseProperties(result.stdout).map((record) => [record.dataset, record.value]));
}

export interface SnapshotIdentity {
  readonly guid: string;
  readonly createtxg: bigint;
}

/** guid and createtxg of the given snapshots or bookmarks (full names); those that are gone are absent. */
export async function identifyVersions(
  runner: Runner,
  names: readonly string[],
): Promise<Map<string, SnapshotIdentity>> {
  const found = new Map<string, SnapshotIdentity>();
  for (const chunk of chunkArguments(names)) {
    const argv = ["zfs", "list", "-Hp", "-t", "snapshot,bookmark", "-o", "name,guid,createtxg", "--", ...chunk];
    const result = await runner.run(argv);
    const others = result.stderr
      .split("\n")
      .filter((line) => line !== "" && !/does not exist\.?$|no such pool or dataset$/.test(line));
    if (others.length > 0) throw new ZfsCommandError(argv, result);
    for (const line of result.stdout.split("\n")) {
      const [name, guid, createtxg] = line.split("\t");
      if (name !== undefined && guid !== undefined && createtxg !== undefined)
        found.set(name, { guid, createtxg: BigInt(createtxg) });
    }
  }
  return found;
}

/** The values of a user property at and below the roots (empty = all pools), local or inherited; where it is not set, absent. */
export async function listProperty(
  runner: Runner,
  property: string,
  roots: readonly string[],
): Promise<Map<string, string>> {
  const argv = ["zfs", "list", "-Hp", "-r", "-t", "filesystem,volume", "-o", `name,${property}`, "--", ...roots];
  const result = await runner.run(argv);
  const others = result.stderr
    .split("\n")
    .filter((line) => line !== "" && !/does not exist$|^no datasets available$/.test(line));
  if (others.length > 0) throw new ZfsCommandError(argv, result);
  const values = new Map<string, string>();
  for (const line of result.stdout.split("\n")) {
    const tab = line.indexOf("\t");
    const value = line.slice(tab + 1);
    if (tab > 0 && value !== "-") values.set(line.slice(0, tab), value);
  }
  return values;
}

/**
 * Bytes written to filesystems since their snapshot `name` (`written@name`), as far as it is on disk: see `syncPools`.
 * Filesystems without such a snapshot, or gone, are absent.
 */
export async function listWrittenSince(
  runner: Runner,
  name: string,
  filesystems: readonly string[],
): Promise<Map<string, number>> {
  const written = new Map<string, number>();
  for (const chunk of chunkArguments(filesystems)) {
    const argv = ["zfs", "get", "-Hp", "-o", "name,value", `written@${name}`, ...chunk];
    const result = await runner.run(argv);
    const others = result.stderr.split("\n").filter((line) => line !== "" && !/does not exist$/.test(line));
    if (others.length > 0) throw new ZfsCommandError(argv, result);
    for (const line of result.stdout.split("\n")) {
      const [filesystem = "", value = ""] = line.split("\t");
      if (/^\d+$/.test(value)) written.set(filesystem, Number(value));
    }
  }
  return written;
}

export interface SnapshotSizes {
  /** Bytes new since the snapshot before it. */
  readonly writtenBytes: number;
  /** Bytes of the whole snapshot. */
  readonly referencedBytes: number;
}

/** Sizes of the given snapshots (`fs@name`); those that are gone are absent. */
export async function listSnapshotSizes(
  runner: Runner,
  snapshots: readonly string[],
): Promise<Map<string, SnapshotSizes>> {
  const sizes = new Map<string, SnapshotSizes>();
  for (const chunk of chunkArguments(snapshots)) {
    const argv = ["zfs", "list", "-Hp", "-t", "snapshot", "-o", "name,written,referenced", "--", ...chunk];
    const result = await runner.run(argv);
    const others = result.stderr.split("\n").filter((line) => line !== "" && !/does not exist$/.test(line));
    if (others.length > 0) throw new ZfsCommandError(argv, result);
    for (const line of result.stdout.split("\n")) {
      const [name = "", written = "", referenced = ""] = line.split("\t");
      if (/^\d+$/.test(written) && /^\d+$/.test(referenced))
        sizes.set(name, { writtenBytes: Number(written), referencedBytes: Number(referenced) });
    }
  }
  return sizes;
}

/** Writes out what is still in memory, so that `written` counts it. Not allowed to everybody, and only an improvement. */
export async function syncPools(runner: Runner, pools: readonly string[]): Promise<void> {
  if (pools.length > 0) await runner.run(["zpool", "sync", ...pools]);
}
