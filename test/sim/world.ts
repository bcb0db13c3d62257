/**
 * The simulated world: pools, datasets, snapshots, bookmarks. Everything here is plain JSON data (no Map, no bigint,
 * no class), so that a world can be copied, stored in a file, compared and printed. Behaviour is in the other files.
 */

/** One piece of a filesystem's data. `stamp` makes it unique: rewriting the same id gives a new stamp. */
export interface Block {
  readonly bytes: number;
  readonly stamp: number;
}

/** What a filesystem or snapshot contains: write id → block. Never changed in place, so it may be shared. */
export type Content = Readonly<Record<string, Block>>;

/** A value set on a dataset by `zfs set` (local) or by a receive (received). */
export interface PropertyValue {
  local?: string;
  received?: string;
}

export interface Snapshot {
  /** Part after `@`. */
  name: string;
  guid: string;
  /** Object number: unique inside the world, survives renames; what an origin points to. */
  object: number;
  createtxg: number;
  creationSec: number;
  content: Content;
  /** Tag → time of the hold. */
  holds: Record<string, number>;
  /** User properties set on the snapshot itself. */
  props: Record<string, PropertyValue>;
  deferDestroy: boolean;
  /** IV set of an encrypted snapshot: equal only along raw sends. */
  ivset: string | null;
}

export interface Bookmark {
  /** Part after `#`. */
  name: string;
  guid: string;
  createtxg: number;
  creationSec: number;
  referencedBytes: number;
  /** The content of the snapshot it was made from, to compute increments. */
  content: Content;
}

/** Progress of a `zfs receive`: in flight, or saved by `-s` to be resumed. */
export interface PartialReceive {
  toguid: string;
  /** `fs@snap` as the sender called it. */
  toname: string;
  fromguid: string | null;
  /** Records that are stored; the next one to receive is number `records`. */
  records: number;
  object: number;
  offset: number;
  bytes: number;
  rawok: boolean;
  embedok: boolean;
  compressok: boolean;
  largeblockok: boolean;
  /** Blocks received so far on top of the base. */
  content: Content;
  /** True when `-s` was given at the start: there is a token. */
  resumable: boolean;
  /** True when the receive that runs now has `-s`: the state survives its failure. A resumed one may lack it. */
  keepOnFailure: boolean;
  /** Object number of the snapshot that the hidden clone `FS/%recv` was made from; null for a new filesystem. */
  base: number | null;
  /** The process that is receiving now, or null. */
  receiver: number | null;
  referencedBytes: number;
}

export interface Encryption {
  /** True on the dataset that holds the wrapping key. */
  isRoot: boolean;
  /** On roots only. */
  keyLoaded: boolean;
  keyformat: string;
  /** Identifies the master key: datasets that came from one another by raw send share it. */
  keyId: string;
  cipher: string;
}

export interface Dataset {
  name: string;
  kind: "filesystem" | "volume";
  guid: string;
  object: number;
  createtxg: number;
  creationSec: number;
  props: Record<string, PropertyValue>;
  /** In createtxg order. */
  snapshots: Snapshot[];
  bookmarks: Bookmark[];
  content: Content;
  /** Txg in which the live filesystem was last changed. */
  modifiedTxg: number;
  /** Object number of the snapshot that this dataset is a clone of. */
  origin: number | null;
  mounted: boolean;
  encryption: Encryption | null;
  /** A receive that is running or was saved. */
  partial: PartialReceive | null;
  /** True while a new filesystem has only been received in part: it is not usable. */
  inconsistent: boolean;
  volsizeBytes: number;
}

export interface Pool {
  name: string;
  guid: string;
  sizeBytes: number;
  txg: number;
  datasets: Record<string, Dataset>;
  features: Record<string, "enabled" | "active" | "disabled">;
}

export interface World {
  /** State of the guid generator, a decimal uint64. */
  random: string;
  nowSec: number;
  /** Next object number, and next block stamp. */
  nextObject: number;
  nextStamp: number;
  pools: Record<string, Pool>;
  /** Who runs the commands; anyone but root needs `allow` entries. */
  user: string;
  /** Dataset → user → permissions, as given by `zfs allow USER PERMS DATASET`. */
  allows: Record<string, Record<string, string[]>>;
}

/** Bytes that an empty filesystem references (ashift 9, as on a file-backed pool). */
export const EMPTY_FILESYSTEM_BYTES = 24_576;
/** Bytes that an empty volume references. */
export const EMPTY_VOLUME_BYTES = 12_288;

/** A world without pools. The same seed gives the same guids. */
export function createWorld(options: { readonly seed?: number; readonly nowSec?: number } = {}): World {
  return {
    random: String(BigInt(options.seed ?? 1)),
    nowSec: options.nowSec ?? 1_700_000_000,
    nextObject: 100,
    nextStamp: 1,
    pools: {},
    user: "root",
    allows: {},
  };
}

/** Next pseudo-random uint64 in decimal (splitmix64); never zero. */
export function nextGuid(world: World): string {
  const state = BigInt.asUintN(64, BigInt(world.random) + 0x9e3779b97f4a7c15n);
  world.random = String(state);
  let z = state;
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  z ^= z >> 31n;
  return z === 0n ? "1" : String(z);
}

/** Advances the pool by one transaction group and returns it. */
export function syncTxg(pool: Pool): number {
  pool.txg += 1;
  return pool.txg;
}

function copyProps(props: Record<string, PropertyValue>): Record<string, PropertyValue> {
  const copy: Record<string, PropertyValue> = {};
  for (const key in props) copy[key] = { ...props[key] };
  return copy;
}

function copySnapshot(snapshot: Snapshot): Snapshot {
  return { ...snapshot, holds: { ...snapshot.holds }, props: copyProps(snapshot.props) };
}

function copyDataset(dataset: Dataset): Dataset {
  return {
    ...dataset,
    props: copyProps(dataset.props),
    snapshots: dataset.snapshots.map(copySnapshot),
    bookmarks: dataset.bookmarks.map((bookmark) => ({ ...bookmark })),
    encryption: dataset.encryption && { ...dataset.encryption },
    partial: dataset.partial && { ...dataset.partial },
  };
}

/** An independent copy; contents are shared, as they never change in place. */
export function cloneWorld(world: World): World {
  const pools: Record<string, Pool> = {};
  for (const [name, pool] of Object.entries(world.pools)) {
    const datasets: Record<string, Dataset> = {};
    for (const [key, dataset] of Object.entries(pool.datasets)) datasets[key] = copyDataset(dataset);
    pools[name] = { ...pool, datasets, features: { ...pool.features } };
  }
  return { ...world, pools, allows: JSON.parse(JSON.stringify(world.allows)) };
}
