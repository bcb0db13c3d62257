import { deflateSync, inflateSync } from "node:zlib";
import type { PartialReceive } from "./world.ts";

/** The fields that a resume token carries, in the order in which `zfs send -nvt` prints them. */
export interface TokenContents {
  readonly fromguid: string | null;
  readonly object: number;
  readonly offset: number;
  readonly bytes: number;
  readonly toguid: string;
  readonly toname: string;
  readonly largeblockok: boolean;
  readonly embedok: boolean;
  readonly compressok: boolean;
  readonly rawok: boolean;
}

/** A token that does not decode: the text after `resume token is corrupt`. */
export interface CorruptToken {
  readonly problem: string;
}

const FLAGS = ["largeblockok", "embedok", "compressok", "rawok"] as const;
const TYPE_BOOLEAN = 1;
const TYPE_UINT64 = 8;
const TYPE_STRING = 9;

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** One pair in the native nvlist encoding that OpenZFS uses for tokens. */
function pair(name: string, type: number, value: Buffer): Buffer {
  const nameBytes = padded(16 + name.length + 1) - 16;
  const buffer = Buffer.alloc(16 + nameBytes + value.length);
  buffer.writeInt32LE(buffer.length, 0);
  buffer.writeInt16LE(name.length + 1, 4);
  buffer.writeInt32LE(type === TYPE_BOOLEAN ? 0 : 1, 8);
  buffer.writeInt32LE(type, 12);
  buffer.write(name, 16, "latin1");
  value.copy(buffer, 16 + nameBytes);
  return buffer;
}

function number(name: string, value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(value);
  return pair(name, TYPE_UINT64, buffer);
}

function text(name: string, value: string): Buffer {
  const buffer = Buffer.alloc(padded(value.length + 1));
  buffer.write(value, "latin1");
  return pair(name, TYPE_STRING, buffer);
}

/** First word of fletcher-4 over whole little-endian 32-bit words; trailing bytes do not count. */
function checksum(data: Buffer): bigint {
  let sum = 0;
  for (let at = 0; at + 4 <= data.length; at += 4) sum += data.readUInt32LE(at);
  return BigInt(sum);
}

function pack(token: TokenContents): Buffer {
  const pairs = [
    ...(token.fromguid === null ? [] : [number("fromguid", BigInt(token.fromguid))]),
    number("object", BigInt(token.object)),
    number("offset", BigInt(token.offset)),
    number("bytes", BigInt(token.bytes)),
    number("toguid", BigInt(token.toguid)),
    text("toname", token.toname),
    ...FLAGS.filter((flag) => token[flag]).map((flag) => pair(flag, TYPE_BOOLEAN, Buffer.alloc(0))),
  ];
  return Buffer.concat([Buffer.from("000100000000000001000000", "hex"), ...pairs, Buffer.alloc(4)]);
}

/** The `receive_resume_token` of a saved receive, in OpenZFS's own format (nvlist, zlib, hex). */
export function encodeToken(partial: PartialReceive): string {
  const packed = pack(partial);
  const compressed = deflateSync(packed);
  return `1-${checksum(compressed).toString(16)}-${packed.length.toString(16)}-${compressed.toString("hex")}`;
}

function unpack(packed: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 12; at + 16 <= packed.length; ) {
    const size = packed.readInt32LE(at);
    if (size <= 0) break;
    const nameLength = packed.readInt16LE(at + 4);
    const type = packed.readInt32LE(at + 12);
    const name = packed.toString("latin1", at + 16, at + 16 + nameLength - 1);
    const value = at + padded(16 + nameLength);
    if (type === TYPE_UINT64) fields.set(name, String(packed.readBigUInt64LE(value)));
    else if (type === TYPE_STRING) fields.set(name, packed.toString("latin1", value, packed.indexOf(0, value)));
    else fields.set(name, "1");
    at += size;
  }
  return fields;
}

function inflate(compressed: Buffer): Buffer | undefined {
  try {
    return inflateSync(compressed);
  } catch {
    return undefined;
  }
}

/** Reads a token; checks in the order of zfs_send_resume_token_to_nvlist(). */
export function decodeToken(token: string): TokenContents | CorruptToken {
  const header = /^(\d+)-([0-9a-f]+)-([0-9a-f]+)/i.exec(token);
  if (header === null) return { problem: "invalid format" };
  if (header[1] !== "1") return { problem: `invalid version ${header[1]}` };
  const hex = token.slice(token.lastIndexOf("-") + 1);
  const even = hex.slice(0, hex.length - (hex.length % 2));
  if (!/^[0-9a-f]*$/i.test(even)) return { problem: "payload is not hex-encoded" };
  const compressed = Buffer.from(even, "hex");
  if (checksum(compressed) !== BigInt(`0x${header[2]}`)) return { problem: "incorrect checksum" };
  const packed = inflate(compressed);
  if (packed === undefined) return { problem: "decompression failed" };
  const fields = unpack(packed);
  const toguid = fields.get("toguid");
  const toname = fields.get("toname");
  if (toguid === undefined || toname === undefined) return { problem: "nvlist_unpack failed" };
  return {
    fromguid: fields.get("fromguid") ?? null,
    object: Number(fields.get("object")),
    offset: Number(fields.get("offset")),
    bytes: Number(fields.get("bytes")),
    toguid,
    toname,
    largeblockok: fields.has("largeblockok"),
    embedok: fields.has("embedok"),
    compressok: fields.has("compressok"),
    rawok: fields.has("rawok"),
  };
}

const hex = (value: string | number): string => `0x${BigInt(value).toString(16)}`;

/** What `zfs send -nv -t` prints first. */
export function describeToken(token: TokenContents): string {
  const from = token.fromguid === null ? "" : `\tfromguid = ${hex(token.fromguid)}\n`;
  const flags = FLAGS.filter((flag) => token[flag]).map((flag) => `\t${flag} = 1\n`);
  return (
    `resume token contents:\nnvlist version: 0\n${from}\tobject = ${hex(token.object)}\n` +
    `\toffset = ${hex(token.offset)}\n\tbytes = ${hex(token.bytes)}\n\ttoguid = ${hex(token.toguid)}\n` +
    `\ttoname = ${token.toname}\n${flags.join("")}`
  );
}
