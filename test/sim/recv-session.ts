import { addDataset, setUpEncryption } from "./cmd-create.ts";
import { mountIfWanted } from "./cmd-mount.ts";
import { addSnapshot } from "./cmd-snapshot.ts";
import { availableBytes, difference, dropSnapshot, usedBytes } from "./content.ts";
import { clonesOf, findPool, subtree } from "./lookup.ts";
import { parentName } from "./names.ts";
import { storeReceived } from "./recv-properties.ts";
import type { KernelProblem, ReceiveOptions, ReceiveTarget } from "./recv-target.ts";
import { CommandFailure } from "./result.ts";
import type { SendStream, StreamRecord, Substream } from "./stream.ts";
import { encodeToken } from "./token.ts";
import {
  type Content,
  type Dataset,
  nextGuid,
  type PartialReceive,
  type Pool,
  type Snapshot,
  syncTxg,
  type World,
} from "./world.ts";

/** Where a receive finds the world. A program that shares its world with others reloads it between two steps. */
export interface WorldHolder {
  world: World;
}

/** One substream on its way into a dataset. Refers to the dataset by number: the world may be another copy by now. */
export interface Session {
  readonly holder: WorldHolder;
  readonly object: number;
  readonly target: ReceiveTarget;
  readonly substream: Substream;
  readonly options: ReceiveOptions;
  readonly fromGuid: string | null;
  readonly compound: SendStream["compound"];
}

/** The session's things in the current world. */
interface Live {
  readonly world: World;
  readonly pool: Pool;
  readonly dataset: Dataset;
  readonly partial: PartialReceive;
  readonly from: Snapshot | null;
}

function live(session: Session): Live {
  const { world } = session.holder;
  const pool = findPool(world, session.target.fs);
  const dataset = Object.values(pool?.datasets ?? {}).find((candidate) => candidate.object === session.object);
  if (!pool || !dataset?.partial) throw new CommandFailure(`${session.target.what}: dataset does not exist\n`, 1);
  const from = dataset.snapshots.find((snapshot) => snapshot.guid === session.fromGuid) ?? null;
  return { world, pool, dataset, partial: dataset.partial, from };
}

function newPartial(substream: Substream, base: Content, options: ReceiveOptions): PartialReceive {
  const content: Record<string, Content[string]> = { ...base };
  for (const id of substream.removed) delete content[id];
  return {
    toguid: substream.toguid,
    toname: substream.toname,
    fromguid: substream.fromguid,
    records: 0,
    object: 0,
    offset: 0,
    bytes: 0,
    rawok: substream.raw,
    embedok: substream.embedok,
    compressok: substream.compressok,
    largeblockok: substream.largeblockok,
    content,
    resumable: options.resumable,
    keepOnFailure: options.resumable,
    base: null,
    receiver: null,
    referencedBytes: 0,
  };
}

function createTarget(
  world: World,
  pool: Pool,
  target: ReceiveTarget,
  substream: Substream,
  compound: SendStream["compound"],
): Dataset {
  const { kind, volsizeBytes } = substream;
  const dataset = addDataset(world, pool, target.fs, { kind, volsizeBytes, txg: syncTxg(pool) });
  dataset.inconsistent = true;
  if (substream.encryption) {
    const { keyformat } = substream.encryption;
    dataset.encryption = { ...substream.encryption, isRoot: true, keyLoaded: false };
    dataset.props["keyformat"] = { local: keyformat };
    dataset.props["keylocation"] = { local: "prompt" };
  } else if (compound?.properties == null) setUpEncryption(world, pool, dataset, new Map(), target.what);
  return dataset;
}

function originContent(pool: Pool, substream: Substream): Content {
  if (!substream.isClone) return {};
  for (const dataset of Object.values(pool.datasets))
    for (const snapshot of dataset.snapshots) if (snapshot.guid === substream.fromguid) return snapshot.content;
  return {};
}

/** Starts receiving after all checks have passed. */
export function openSession(
  holder: WorldHolder,
  target: ReceiveTarget,
  substream: Substream,
  options: ReceiveOptions,
  verdict: KernelProblem & { readonly errno: null },
  compound: SendStream["compound"],
  receiver: number,
): Session {
  const { world } = holder;
  const pool = findPool(world, target.fs);
  if (pool === undefined) throw new Error(`no pool for ${target.fs}`);
  const dataset = target.existing ?? createTarget(world, pool, target, substream, compound);
  syncTxg(pool);
  if (target.existing !== null && substream.fromguid === null && options.noMount)
    for (const below of subtree(pool, target.fs)) below.mounted = false;
  if (substream.resume === null || dataset.partial === null)
    dataset.partial = newPartial(substream, verdict.from?.content ?? originContent(pool, substream), options);
  if (substream.resume === null) dataset.partial.base = verdict.from?.object ?? null;
  dataset.partial.receiver = receiver;
  dataset.partial.keepOnFailure = options.resumable;
  // Properties come before the data, and stay when a new filesystem is left half-received.
  if (dataset.inconsistent) storeReceived({ dataset, compound, options }, null);
  return { holder, object: dataset.object, target, substream, options, fromGuid: verdict.from?.guid ?? null, compound };
}

/** The nearest quota upwards that `bytes` more would exceed, or a full pool. */
function spaceProblem(pool: Pool, dataset: Dataset, bytes: number): string | null {
  for (let name: string | undefined = dataset.name; name !== undefined; name = parentName(name)) {
    const quota = Number(pool.datasets[name]?.props["quota"]?.local ?? 0);
    if (quota > 0 && usedBytes(subtree(pool, name)) + bytes > quota)
      return `destination ${dataset.name} space quota exceeded.`;
  }
  return bytes > availableBytes(pool) ? "out of space" : null;
}

/** Stores one record; returns why there is no room for it, or null. */
export function acceptRecord(session: Session, record: StreamRecord, next: StreamRecord | undefined): string | null {
  const { partial, pool, dataset } = live(session);
  if (record.block) {
    const problem = spaceProblem(pool, dataset, record.block.block.bytes);
    if (problem !== null) return problem;
    partial.content = { ...partial.content, [record.block.id]: record.block.block };
  }
  partial.records += 1;
  partial.bytes += record.bytes;
  partial.object = next?.object ?? record.object + 1;
  partial.offset = next?.offset ?? 0;
  return null;
}

/** dmu_recv_end_check(): what was created in the meantime may be in the way. */
function endProblem(session: Session): KernelProblem["errno"] {
  const { target, options } = session;
  const { dataset, pool, partial } = live(session);
  if (dataset.inconsistent) return null;
  if (dataset.snapshots.some((snapshot) => snapshot.name === target.snap)) return "EEXIST";
  const newest = dataset.snapshots.at(-1);
  if (!options.force && (newest?.object ?? null) !== partial.base) return "EINVAL";
  if (!options.force && (newest === undefined || dataset.modifiedTxg > newest.createtxg)) return "ETXTBSY";
  const isStuck = newerThan(session).some(
    (each) => Object.keys(each.holds).length > 0 || clonesOf(pool, each).length > 0,
  );
  return options.force && isStuck ? "EBUSY" : null;
}

function newerThan(session: Session): Snapshot[] {
  const { dataset, from } = live(session);
  return from === null ? [] : dataset.snapshots.slice(dataset.snapshots.indexOf(from) + 1);
}

/** The stream is complete: makes the snapshot. Returns an errno name if the kernel refuses. */
export function closeSession(session: Session): KernelProblem["errno"] {
  const { target, substream, options } = session;
  const { world, pool, dataset, partial, from } = live(session);
  const problem = endProblem(session);
  partial.receiver = null;
  if (problem !== null) {
    if (!options.resumable) dropPartial(pool, dataset);
    return problem;
  }
  const isNew = dataset.inconsistent;
  const txg = syncTxg(pool);
  if (options.force) for (const newer of newerThan(session)) dropSnapshot(dataset, newer);
  const unmodifiedTxg = options.force && from ? from.createtxg : dataset.modifiedTxg;
  const { changed, removed } = difference(from?.content ?? {}, partial.content);
  const modified = isNew || removed.length > 0 || Object.keys(changed).length > 0;
  dataset.partial = null;
  dataset.inconsistent = false;
  dataset.content = partial.content;
  dataset.volsizeBytes = substream.volsizeBytes;
  const snapshot = addSnapshot(world, dataset, target.snap, txg);
  snapshot.guid = substream.toguid;
  snapshot.creationSec = substream.creationSec;
  snapshot.ivset = substream.raw ? substream.ivset : dataset.encryption && nextGuid(world);
  dataset.modifiedTxg = modified ? txg : Math.min(dataset.modifiedTxg, unmodifiedTxg);
  if (isNew && substream.isClone) dataset.origin = originObject(pool, substream);
  storeReceived({ ...session, dataset }, snapshot);
  if (isNew && !options.noMount) mountIfWanted(pool, dataset);
  return null;
}

function originObject(pool: Pool, substream: Substream): number | null {
  for (const dataset of Object.values(pool.datasets))
    for (const snapshot of dataset.snapshots) if (snapshot.guid === substream.fromguid) return snapshot.object;
  return null;
}

/** The pool is full: what has come is kept with -s. */
export function stopForSpace(session: Session): void {
  const { pool, dataset, partial } = live(session);
  partial.receiver = null;
  if (!session.options.resumable) dropPartial(pool, dataset);
}

/** Throws away what was received so far; a filesystem that was new disappears. */
export function dropPartial(pool: Pool, dataset: Dataset): void {
  dataset.partial = null;
  if (dataset.inconsistent) delete pool.datasets[dataset.name];
}

/** The stream broke off. Keeps the state if -s was given. Returns the text to print. */
export function interruptSession(session: Session): string {
  const { target, options } = session;
  const { pool, dataset, partial } = live(session);
  partial.receiver = null;
  syncTxg(pool);
  if (!options.resumable) {
    dropPartial(pool, dataset);
    return `${target.what}: incomplete stream\n`;
  }
  return (
    `${target.what}: checksum mismatch or incomplete stream.\nPartially received snapshot is saved.\n` +
    `A resuming stream can be generated on the sending system by running:\n    zfs send -t ${encodeToken(partial)}\n`
  );
}
