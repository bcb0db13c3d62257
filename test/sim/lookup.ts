import { isWithin, nameProblem, parentName, poolOf, splitName } from "./names.ts";
import { fail } from "./result.ts";
import type { Bookmark, Dataset, Pool, Snapshot, World } from "./world.ts";

/** A row of a listing: a dataset and, for snapshots and bookmarks, the version. */
export interface Entry {
  readonly name: string;
  readonly type: "filesystem" | "volume" | "snapshot" | "bookmark";
  readonly pool: Pool;
  readonly dataset: Dataset;
  readonly snapshot?: Snapshot;
  readonly bookmark?: Bookmark;
}

/** A snapshot together with where it is. */
export interface FoundSnapshot {
  readonly pool: Pool;
  readonly dataset: Dataset;
  readonly snapshot: Snapshot;
}

export const findPool = (world: World, name: string): Pool | undefined => world.pools[poolOf(name)];

export function findDataset(world: World, name: string): Dataset | undefined {
  return findPool(world, name)?.datasets[name];
}

export function findSnapshot(world: World, name: string): FoundSnapshot | undefined {
  const { fs, tail } = splitName(name);
  const pool = findPool(world, fs);
  const dataset = pool?.datasets[fs];
  const snapshot = dataset?.snapshots.find((candidate) => candidate.name === tail);
  return pool && dataset && snapshot ? { pool, dataset, snapshot } : undefined;
}

export function findBookmark(world: World, name: string): Bookmark | undefined {
  const { fs, tail } = splitName(name);
  return findDataset(world, fs)?.bookmarks.find((candidate) => candidate.name === tail);
}

/** The pool of an existing dataset. */
export function poolFor(world: World, dataset: Dataset): Pool {
  const pool = findPool(world, dataset.name);
  if (pool === undefined) throw new Error(`no pool for ${dataset.name}`);
  return pool;
}

/** Opens a filesystem or volume as `zfs_open` does. */
export function openDataset(world: World, name: string): Dataset {
  const problem = nameProblem(name, { fs: true });
  if (problem !== undefined) fail(`cannot open '${name}': ${problem}`);
  return findDataset(world, name) ?? fail(`cannot open '${name}': dataset does not exist`);
}

/** Opens a snapshot as `zfs_open(ZFS_TYPE_SNAPSHOT)` does. */
export function openSnapshot(world: World, name: string): FoundSnapshot {
  const problem = nameProblem(name, { snapshot: true });
  if (problem !== undefined) fail(`cannot open '${name}': ${problem}`);
  return findSnapshot(world, name) ?? fail(`cannot open '${name}': dataset does not exist`);
}

/** The dataset and everything below it, itself first, in name order. */
export function subtree(pool: Pool, root: string): Dataset[] {
  return Object.values(pool.datasets)
    .filter((dataset) => isWithin(dataset.name, root))
    .sort((a, b) => compareText(a.name, b.name));
}

export const childrenOf = (pool: Pool, name: string): Dataset[] =>
  Object.values(pool.datasets)
    .filter((dataset) => parentName(dataset.name) === name)
    .sort((a, b) => compareText(a.name, b.name));

/** Clones of a snapshot, by object number. */
export function clonesOf(pool: Pool, snapshot: Snapshot): Dataset[] {
  return Object.values(pool.datasets).filter((dataset) => dataset.origin === snapshot.object);
}

/** Hidden clones of a snapshot: `FS/%recv`, where an increment is being received or was left half-received. */
export function receiveClonesOf(pool: Pool, snapshot: Snapshot): string[] {
  return Object.values(pool.datasets)
    .filter((dataset) => !dataset.inconsistent && dataset.partial?.base === snapshot.object)
    .map((dataset) => `${dataset.name}/%recv`);
}

/** True if anything was cloned from the snapshot. */
export const isCloned = (pool: Pool, snapshot: Snapshot): boolean =>
  clonesOf(pool, snapshot).length > 0 || receiveClonesOf(pool, snapshot).length > 0;

/** The snapshot that has this object number. */
export function snapshotByObject(pool: Pool, object: number): FoundSnapshot | undefined {
  for (const dataset of Object.values(pool.datasets)) {
    const snapshot = dataset.snapshots.find((candidate) => candidate.object === object);
    if (snapshot !== undefined) return { pool, dataset, snapshot };
  }
  return undefined;
}

/** strcmp() for ASCII names. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export const fullName = (found: { readonly dataset: Dataset; readonly snapshot: Snapshot }): string =>
  `${found.dataset.name}@${found.snapshot.name}`;
