import { compareText, type Entry, findDataset } from "./lookup.ts";
import { nameProblem, poolOf, splitName } from "./names.ts";
import { showProperty } from "./properties.ts";
import type { Output } from "./result.ts";
import type { Dataset, Pool, World } from "./world.ts";

export type DatasetType = Entry["type"];

/** What `zfs list` and `zfs get` walk over. */
export interface Walk {
  readonly types: ReadonlySet<DatasetType>;
  /** How deep to go below the operands; Infinity = `-r`, null = neither -r nor -d. */
  readonly depth: number | null;
  readonly operands: readonly string[];
}

export interface SortColumn {
  readonly property: string;
  readonly reverse: boolean;
}

const datasetEntry = (pool: Pool, dataset: Dataset): Entry => ({
  name: dataset.name,
  type: dataset.kind,
  pool,
  dataset,
});

function versionEntries(pool: Pool, dataset: Dataset, types: ReadonlySet<DatasetType>): Entry[] {
  const entries: Entry[] = [];
  if (types.has("snapshot"))
    for (const snapshot of dataset.snapshots)
      entries.push({ name: `${dataset.name}@${snapshot.name}`, type: "snapshot", pool, dataset, snapshot });
  if (types.has("bookmark"))
    for (const bookmark of dataset.bookmarks)
      entries.push({ name: `${dataset.name}#${bookmark.name}`, type: "bookmark", pool, dataset, bookmark });
  return entries;
}

/** Levels between a root and a dataset below it; negative if it is elsewhere. */
function levelBelow(name: string, root: string): number {
  if (name === root) return 0;
  if (!name.startsWith(root) || name[root.length] !== "/") return -1;
  let levels = 1;
  for (let at = root.length + 1; at < name.length; at++) if (name[at] === "/") levels += 1;
  return levels;
}

function addTree(
  pool: Pool,
  root: string,
  depth: number,
  types: ReadonlySet<DatasetType>,
  into: Map<string, Entry>,
): void {
  for (const name in pool.datasets) {
    const level = levelBelow(name, root);
    const dataset = pool.datasets[name];
    if (dataset === undefined || level < 0 || level > depth) continue;
    if (types.has(dataset.kind)) into.set(name, datasetEntry(pool, dataset));
    if (level < depth) for (const entry of versionEntries(pool, dataset, types)) into.set(entry.name, entry);
  }
}

function openEntry(world: World, name: string): Entry | undefined {
  const { fs, delimiter, tail } = splitName(name);
  const pool = world.pools[poolOf(fs)];
  const dataset = pool?.datasets[fs];
  if (pool === undefined || dataset === undefined) return undefined;
  if (delimiter === "") return datasetEntry(pool, dataset);
  const all = versionEntries(pool, dataset, new Set(delimiter === "@" ? ["snapshot"] : ["bookmark"]));
  return all.find((entry) => (entry.snapshot ?? entry.bookmark)?.name === tail);
}

/** Why an operand cannot be listed, or undefined. */
function operandProblem(
  name: string,
  entry: Entry | undefined,
  types: ReadonlySet<DatasetType>,
  hasDataset: boolean,
): string | undefined {
  const allowed = {
    fs: types.has("filesystem") || types.has("volume"),
    snapshot: types.has("snapshot"),
    bookmark: types.has("bookmark"),
  };
  const problem = nameProblem(name, allowed);
  if (problem !== undefined) return problem;
  if (entry === undefined)
    return name.includes("#") && hasDataset ? "no such pool or dataset" : "dataset does not exist";
  return types.has(entry.type) ? undefined : "operation not applicable to datasets of this type";
}

/** What an operand may be when the listing goes below it: volumes only if their versions are wanted. */
function openableTypes(types: ReadonlySet<DatasetType>): ReadonlySet<DatasetType> {
  const versions: DatasetType[] = types.has("snapshot") || types.has("bookmark") ? ["volume"] : [];
  return new Set([...types, "filesystem", ...versions]);
}

/**
 * Collects what is to be shown; errors of single operands go to `output`.
 * A lone snapshot or bookmark type, without -r or -d, makes filesystem operands stand for their versions, as `zfs list -t snapshot FS` does.
 */
export function walk(world: World, request: Walk, output: Output): Entry[] {
  const { types, operands, depth } = request;
  const found = new Map<string, Entry>();
  const versionsOnly = types.size === 1 && (types.has("snapshot") || types.has("bookmark"));
  const goesDown = depth !== null || versionsOnly;
  if (operands.length === 0)
    for (const pool of Object.values(world.pools)) addTree(pool, pool.name, Number.POSITIVE_INFINITY, types, found);
  for (const operand of operands) {
    const entry = openEntry(world, operand);
    const isTree = entry !== undefined && entry.snapshot === undefined && entry.bookmark === undefined;
    const recursing = isTree && goesDown;
    const openable = goesDown ? openableTypes(types) : types;
    const problem = operandProblem(operand, entry, openable, findDataset(world, splitName(operand).fs) !== undefined);
    if (problem !== undefined || entry === undefined) output.error(`cannot open '${operand}': ${problem}`);
    else if (recursing) addTree(entry.pool, operand, depth ?? 1, types, found);
    else found.set(entry.name, entry);
  }
  return [...found.values()];
}

/** zfs_compare(): by dataset name, the dataset before its snapshots, snapshots by createtxg. */
export function compareEntries(a: Entry, b: Entry): number {
  const left = a.snapshot ? a.dataset.name : a.name;
  const right = b.snapshot ? b.dataset.name : b.name;
  if (left !== right) return left < right ? -1 : 1;
  if (a.snapshot && b.snapshot) return a.snapshot.createtxg - b.snapshot.createtxg;
  return a.snapshot ? 1 : b.snapshot ? -1 : 0;
}

const TEXT_PROPERTIES = new Set(["name", "type", "origin", "mountpoint", "encryption"]);

function compareBy(column: SortColumn, a: Entry, b: Entry): number {
  const left = showProperty(a, column.property).value;
  const right = showProperty(b, column.property).value;
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
  const isNumber = !TEXT_PROPERTIES.has(column.property) && /^\d+$/.test(left) && /^\d+$/.test(right);
  const order = isNumber ? Math.sign(Number(BigInt(left) - BigInt(right))) : compareText(left, right);
  return column.reverse ? -order : order;
}

/** Order of `zfs list -s P -S P`. */
export function sortEntries(entries: Entry[], columns: readonly SortColumn[]): Entry[] {
  return entries.sort((a, b) => {
    for (const column of columns) {
      const order = compareBy(column, a, b);
      if (order !== 0) return order;
    }
    return compareEntries(a, b);
  });
}

/** `-t` values; undefined names a bad one. */
export function parseTypes(text: string): { types: Set<DatasetType> } | { bad: string } {
  const types = new Set<DatasetType>();
  const names: Record<string, DatasetType[]> = {
    filesystem: ["filesystem"],
    fs: ["filesystem"],
    volume: ["volume"],
    vol: ["volume"],
    snapshot: ["snapshot"],
    snap: ["snapshot"],
    bookmark: ["bookmark"],
    all: ["filesystem", "volume", "snapshot", "bookmark"],
  };
  for (const name of text.split(",")) {
    const known = names[name];
    if (known === undefined) return { bad: name };
    for (const type of known) types.add(type);
  }
  return { types };
}
