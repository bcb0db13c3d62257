import { difference } from "./content.ts";
import type { Block, Content, Dataset, Encryption, Snapshot } from "./world.ts";

/** One record of a send stream. A block is complete once its last record has arrived. */
export interface StreamRecord {
  readonly bytes: number;
  readonly object: number;
  readonly offset: number;
  /** Set on the last record of a block. */
  readonly block?: { readonly id: string; readonly block: Block };
}

/** One snapshot's stream: BEGIN, records, END. Plain data: it can be serialised. */
export interface Substream {
  readonly toname: string;
  readonly toguid: string;
  readonly fromguid: string | null;
  /** True for the first snapshot of a clone, sent relative to its origin. */
  readonly isClone: boolean;
  readonly kind: Dataset["kind"];
  readonly volsizeBytes: number;
  readonly creationSec: number;
  readonly removed: readonly string[];
  readonly raw: boolean;
  readonly embedok: boolean;
  readonly compressok: boolean;
  readonly largeblockok: boolean;
  readonly encryption: Encryption | null;
  readonly ivset: string | null;
  readonly fromIvset: string | null;
  /** Where a resumed stream starts; null for one from the beginning. */
  readonly resume: { readonly object: number; readonly offset: number; readonly records: number } | null;
  /** All records between BEGIN and END, resumed streams: the rest. */
  readonly records: readonly StreamRecord[];
  /** Bytes of the BEGIN record with its payload. */
  readonly beginBytes: number;
}

/** What `zfs send` writes. */
export interface SendStream {
  readonly substreams: readonly Substream[];
  /** Set for -p, -I and -R: a compound stream with a header. Properties are null without -p. */
  readonly compound: {
    readonly properties: Readonly<Record<string, string>> | null;
    readonly snapshotProperties: Readonly<Record<string, Readonly<Record<string, string>>>>;
  } | null;
}

/** Size of a record without payload: what BEGIN, END and the like take. */
export const RECORD_BYTES = 312;
/** List of properties in the header of a stream made with -p. */
const PROPERTIES_BYTES = 524;
/** Payload of BEGIN in a raw stream: the wrapped keys. */
const RAW_PAYLOAD_BYTES = 1_200;
const CHUNK_BYTES = 131_072;
const MAX_CHUNKS = 64;
const META_FULL = 20;
const META_INCREMENTAL = 10;
const META_BYTES = 624;

function metaRecords(count: number): StreamRecord[] {
  return Array.from({ length: count }, (_, i) => ({ bytes: META_BYTES, object: i + 1, offset: 0 }));
}

function blockRecords(object: number, id: string, block: Block): StreamRecord[] {
  const size = Math.max(CHUNK_BYTES, Math.ceil(block.bytes / MAX_CHUNKS));
  const records: StreamRecord[] = [];
  for (let offset = 0; offset < Math.max(block.bytes, 1); offset += size) {
    const length = Math.min(size, block.bytes - offset);
    const last = offset + size >= block.bytes;
    records.push({ bytes: RECORD_BYTES + length, object, offset, ...(last && { block: { id, block } }) });
  }
  return records;
}

/** Records that turn `from` into `to`; an increment without changes has none. */
export function recordsBetween(from: Content | null, to: Content): { records: StreamRecord[]; removed: string[] } {
  const { changed, removed } = difference(from ?? {}, to);
  const isEmpty = from !== null && removed.length === 0 && Object.keys(changed).length === 0;
  const records = isEmpty ? [] : metaRecords(from === null ? META_FULL : META_INCREMENTAL);
  let object = records.length;
  for (const id of Object.keys(changed)) {
    const block = changed[id];
    object += 1;
    if (block) records.push(...blockRecords(object, id, block));
  }
  return { records, removed };
}

export interface SendFlags {
  readonly raw: boolean;
  readonly embed: boolean;
  readonly compressed: boolean;
  readonly largeBlocks: boolean;
}

/** The stream of one snapshot against an earlier version. */
export function buildSubstream(
  dataset: Dataset,
  to: Snapshot,
  from: { readonly guid: string; readonly content: Content; readonly ivset?: string | null } | null,
  flags: SendFlags,
  extra: { readonly isClone?: boolean; readonly resume?: Substream["resume"] } = {},
): Substream {
  const raw = flags.raw && dataset.encryption !== null;
  const { records: changes, removed } = recordsBetween(from?.content ?? null, to.content);
  // a volume's stream is never quite empty
  const records = dataset.kind === "volume" && changes.length === 0 ? metaRecords(1) : changes;
  return {
    toname: `${dataset.name}@${to.name}`,
    toguid: to.guid,
    fromguid: from?.guid ?? null,
    isClone: extra.isClone ?? false,
    kind: dataset.kind,
    volsizeBytes: dataset.volsizeBytes,
    creationSec: to.creationSec,
    removed,
    raw,
    embedok: flags.embed || flags.raw,
    compressok: flags.compressed || flags.raw,
    largeblockok: flags.largeBlocks && raw,
    encryption: raw ? dataset.encryption : null,
    ivset: raw ? to.ivset : null,
    fromIvset: raw ? (from?.ivset ?? null) : null,
    resume: extra.resume ?? null,
    records: extra.resume ? records.slice(extra.resume.records) : records,
    beginBytes: RECORD_BYTES + (raw ? RAW_PAYLOAD_BYTES : extra.resume ? RECORD_BYTES : 0),
  };
}

/** Bytes of one substream with BEGIN and END. */
export function substreamBytes(substream: Substream): number {
  return substream.records.reduce((sum, record) => sum + record.bytes, substream.beginBytes + RECORD_BYTES);
}

/** Payload of the header of a compound stream. */
export const compoundPayloadBytes = (stream: SendStream): number =>
  stream.compound?.properties == null ? 0 : PROPERTIES_BYTES;

/** BEGIN, payload and END of the header of a compound stream. */
export const compoundHeaderBytes = (stream: SendStream): number => 2 * RECORD_BYTES + compoundPayloadBytes(stream);

/** Bytes of the whole stream. */
export function streamBytes(stream: SendStream): number {
  const parts = stream.substreams.reduce((sum, substream) => sum + substreamBytes(substream), 0);
  return parts + (stream.compound === null ? 0 : compoundHeaderBytes(stream) + RECORD_BYTES);
}
