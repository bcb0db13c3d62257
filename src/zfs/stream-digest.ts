/**
 * What a stream of `zfs send` carries, as a checksum that is the same for the same snapshot on every pool. The bytes of the
 * stream are not: it has the sender's names and checksums of itself, zeros may have become holes, and what is free is
 * told in other pieces. So the objects and their blocks are hashed, by the layout in OpenZFS's sys/zfs_ioctl.h.
 */
import { createHash } from "node:crypto";
import { Writable } from "node:stream";
import { asError } from "../errors.ts";
import { ParseError } from "./errors.ts";

const RECORD_BYTES = 312;
const MAGIC = 0x2f5bacbacn;
const TYPE = {
  begin: 0,
  object: 1,
  freeObjects: 2,
  write: 3,
  free: 4,
  end: 5,
  spill: 7,
  embedded: 8,
  range: 9,
} as const;
/** Of a block as it is on disk, encrypted (`zfs send -w`). */
const RAW = 1n << 24n;
/** Blocks of more than 128 KiB are whole (`zfs send -L`). */
const LARGE_BLOCKS = 1n << 19n;
/** The largest record that OpenZFS makes. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024 + 4096;

export interface StreamContent {
  /** SHA-256 in hex. */
  readonly digest: string;
  /** Of the blocks. */
  readonly bytes: number;
  readonly raw: boolean;
  /** Whether larger blocks than 128 KiB are sent whole; else they come in pieces. */
  readonly largeBlocks: boolean;
}

/** A sink for one stream; `content` once it has ended. */
export class StreamDigest extends Writable {
  readonly #hash = createHash("sha256");
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #wanted = RECORD_BYTES;
  /** Of which the payload is awaited. */
  #record: Buffer | undefined;
  #features = 0n;
  #bytes = 0;
  #hasBegun = false;
  #hasEnded = false;

  /** @throws {ParseError} when the stream was cut */
  content(): StreamContent {
    if (!this.#hasEnded) throw malformed("it ends early");
    return {
      digest: this.#hash.copy().digest("hex"),
      bytes: this.#bytes,
      raw: this.#has(RAW),
      largeBlocks: this.#has(LARGE_BLOCKS),
    };
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    try {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
      while (this.#pendingBytes >= this.#wanted) this.#take(this.#cut(this.#wanted));
      done();
    } catch (error) {
      done(asError(error));
    }
  }

  #has(feature: bigint): boolean {
    return (this.#features & feature) !== 0n;
  }

  #cut(bytes: number): Buffer {
    const [first] = this.#pending;
    const all = this.#pending.length === 1 && first !== undefined ? first : Buffer.concat(this.#pending);
    const rest = all.subarray(bytes);
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
    return all.subarray(0, bytes);
  }

  #take(data: Buffer): void {
    if (this.#record !== undefined) {
      this.#add(this.#record, data);
      this.#record = undefined;
      this.#wanted = RECORD_BYTES;
      return;
    }
    const payload = this.#payloadOf(data);
    if (payload > MAX_PAYLOAD_BYTES) throw malformed(`a record of ${payload} bytes`);
    if (payload === 0) this.#add(data, Buffer.alloc(0));
    else {
      this.#record = Buffer.from(data);
      this.#wanted = payload;
    }
  }

  #payloadOf(record: Buffer): number {
    const type = record.readUInt32LE(0);
    const size = (offset: number) => Number(record.readBigUInt64LE(offset));
    if (!this.#hasBegun && (type !== TYPE.begin || record.readBigUInt64LE(8) !== MAGIC))
      throw malformed("it does not begin as one of this kind of machine");
    switch (type) {
      case TYPE.begin:
        return record.readUInt32LE(4);
      case TYPE.object:
        return record.readUInt32LE(36) || roundedUp(record.readUInt32LE(28));
      case TYPE.write:
        return record[50] === 0 ? size(32) : size(96);
      case TYPE.spill:
        return size(40) || size(16);
      case TYPE.embedded:
        return roundedUp(record.readUInt32LE(52));
      case TYPE.freeObjects:
      case TYPE.free:
      case TYPE.end:
      case TYPE.range:
        return 0;
      default:
        throw malformed(`a record of type ${type}`);
    }
  }

  #add(record: Buffer, payload: Buffer): void {
    switch (record.readUInt32LE(0)) {
      case TYPE.begin:
        this.#hasBegun = true;
        this.#features = record.readBigUInt64LE(16) >> 2n;
        return;
      case TYPE.end:
        this.#hasEnded = true;
        return;
      case TYPE.write:
        if (!this.#has(RAW) && isZero(payload)) return; // a hole elsewhere
    }
    const fields = identityOf(record);
    if (fields === undefined) return;
    this.#hash.update(record.subarray(0, 4));
    for (const [start, end] of fields) this.#hash.update(record.subarray(start, end));
    this.#hash.update(payload);
    this.#bytes += payload.length;
  }
}

/** The parts of a record that tell what it is about: byte offsets, start and end. undefined = it carries no content. */
function identityOf(record: Buffer): readonly (readonly [number, number])[] | undefined {
  switch (record.readUInt32LE(0)) {
    case TYPE.object: // number, types, block size, length of the bonus, slots; not how it is compressed or checksummed here
      return [
        [8, 32],
        [34, 35],
      ];
    case TYPE.write: // object, type, offset, size; salt, iv and mac of a raw block
      return [
        [8, 20],
        [24, 40],
        [104, 140],
      ];
    case TYPE.spill:
      return [
        [8, 24],
        [48, 84],
      ];
    case TYPE.embedded:
      return [
        [8, 32],
        [40, 42],
        [48, 56],
      ];
    default:
      return undefined;
  }
}

function roundedUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

const ZEROS = Buffer.alloc(128 * 1024);

function isZero(block: Buffer): boolean {
  for (let at = 0; at < block.length; at += ZEROS.length) {
    const part = block.subarray(at, at + ZEROS.length);
    if (!part.equals(ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}

function malformed(what: string): ParseError {
  return new ParseError("zfs send", what);
}
