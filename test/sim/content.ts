import { isCloned, snapshotByObject } from "./lookup.ts";
import type { Bookmark, Content, Dataset, Pool, Snapshot, World } from "./world.ts";
import { EMPTY_FILESYSTEM_BYTES, EMPTY_VOLUME_BYTES } from "./world.ts";

export const baseBytes = (dataset: Dataset): number =>
  dataset.kind === "volume" ? EMPTY_VOLUME_BYTES : EMPTY_FILESYSTEM_BYTES;

/** Sum of the sizes of all blocks. */
export function contentBytes(content: Content): number {
  let sum = 0;
  for (const id in content) sum += content[id]?.bytes ?? 0;
  return sum;
}

/** Blocks of `to` that are not in `from`, and ids of `from` that are gone in `to`. */
export function difference(from: Content, to: Content): { readonly changed: Content; readonly removed: string[] } {
  const changed: Record<string, { bytes: number; stamp: number }> = {};
  for (const id in to) {
    const block = to[id];
    if (block !== undefined && from[id]?.stamp !== block.stamp) changed[id] = block;
  }
  const removed = Object.keys(from).filter((id) => !(id in to));
  return { changed, removed };
}

/** Bytes referenced by a version of the dataset. */
export const referencedBytes = (dataset: Dataset, content: Content): number =>
  baseBytes(dataset) + contentBytes(content);

/** Bytes of `content` that are new since `before` (the `written` property). */
export function writtenBytes(before: Content, content: Content): number {
  return contentBytes(difference(before, content).changed);
}

export const newestSnapshot = (dataset: Dataset): Snapshot | undefined => dataset.snapshots.at(-1);

/** True if the live filesystem changed after the snapshot (dsl_dataset_modified_since_snap). */
export const isModifiedSince = (dataset: Dataset, snapshot: Snapshot): boolean =>
  dataset.modifiedTxg > snapshot.createtxg;

/** The snapshot that a clone started from. */
const originOf = (pool: Pool, dataset: Dataset): Snapshot | undefined =>
  dataset.origin === null ? undefined : snapshotByObject(pool, dataset.origin)?.snapshot;

/** `written` of the live filesystem. */
export function headWritten(pool: Pool, dataset: Dataset): number {
  const newest = newestSnapshot(dataset) ?? originOf(pool, dataset);
  if (newest === undefined) return referencedBytes(dataset, dataset.content);
  const bytes = writtenBytes(newest.content, dataset.content);
  return bytes === 0 && dataset.modifiedTxg > Math.max(newest.createtxg, dataset.createtxg) ? 1_024 : bytes;
}

/** `written` of a snapshot: against the one before it. */
export function snapshotWritten(pool: Pool, dataset: Dataset, snapshot: Snapshot): number {
  const before = dataset.snapshots[dataset.snapshots.indexOf(snapshot) - 1] ?? originOf(pool, dataset);
  return before === undefined
    ? referencedBytes(dataset, snapshot.content)
    : writtenBytes(before.content, snapshot.content);
}

/** Bytes that only this snapshot holds (its `used`). */
export function snapshotUnique(dataset: Dataset, snapshot: Snapshot): number {
  const index = dataset.snapshots.indexOf(snapshot);
  const before = dataset.snapshots[index - 1]?.content ?? {};
  const after = dataset.snapshots[index + 1]?.content ?? dataset.content;
  let sum = 0;
  for (const id in snapshot.content) {
    const block = snapshot.content[id];
    if (block && before[id]?.stamp !== block.stamp && after[id]?.stamp !== block.stamp) sum += block.bytes;
  }
  return sum;
}

/** All distinct blocks of a dataset and its snapshots. */
function blocksOf(dataset: Dataset, into: Map<number, number>): void {
  for (const content of [dataset.content, ...dataset.snapshots.map((s) => s.content), dataset.partial?.content ?? {}])
    for (const id in content) {
      const block = content[id];
      if (block) into.set(block.stamp, block.bytes);
    }
}

/** `used` of a dataset, children included. */
export function usedBytes(datasets: readonly Dataset[]): number {
  const blocks = new Map<number, number>();
  let sum = 0;
  for (const dataset of datasets) {
    sum += Math.max(baseBytes(dataset), reservedBytes(dataset));
    blocksOf(dataset, blocks);
  }
  for (const bytes of blocks.values()) sum += bytes;
  return sum;
}

const reservedBytes = (dataset: Dataset): number => Number(dataset.props["refreservation"]?.local ?? 0);

/** Space that is left in the pool: what is not allocated, less the slop that ZFS keeps (1/4 on small pools). */
export function availableBytes(pool: Pool): number {
  const slop = Math.min(pool.sizeBytes / 4, 134_217_728);
  return Math.max(0, Math.floor(pool.sizeBytes - slop) - usedBytes(Object.values(pool.datasets)));
}

/** Changes the live filesystem: what an application does by writing `bytes` under `id`. */
export function writeBlock(world: World, pool: Pool, dataset: Dataset, id: string, bytes: number): void {
  const stamp = world.nextStamp++;
  pool.txg += 1;
  dataset.content = { ...dataset.content, [id]: { bytes, stamp } };
  dataset.modifiedTxg = pool.txg;
}

/** Deletes a block from the live filesystem. */
export function removeBlock(pool: Pool, dataset: Dataset, id: string): void {
  const { [id]: _gone, ...rest } = dataset.content;
  pool.txg += 1;
  dataset.content = rest;
  dataset.modifiedTxg = pool.txg;
}

/** Removes a snapshot from its dataset, without any check. */
export function dropSnapshot(dataset: Dataset, snapshot: Snapshot): void {
  dataset.snapshots.splice(dataset.snapshots.indexOf(snapshot), 1);
}

/** Destroys snapshots that were marked with `zfs destroy -d` once nothing needs them any more. */
export function reapDeferred(pool: Pool): void {
  for (const dataset of Object.values(pool.datasets))
    for (const snapshot of dataset.snapshots.filter((candidate) => candidate.deferDestroy))
      if (Object.keys(snapshot.holds).length === 0 && !isCloned(pool, snapshot)) dropSnapshot(dataset, snapshot);
}

/** A bookmark of a snapshot, or a copy of a bookmark. */
export function bookmarkOf(dataset: Dataset, source: Snapshot | Bookmark, name: string): Bookmark {
  const { guid, createtxg, creationSec, content } = source;
  const bytes = "referencedBytes" in source ? source.referencedBytes : referencedBytes(dataset, content);
  return { name, guid, createtxg, creationSec, content, referencedBytes: bytes };
}
