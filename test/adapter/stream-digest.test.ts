import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { StreamDigest } from "../../src/zfs/stream-digest.ts";

const BEGIN = 0;
const OBJECT = 1;
const FREE_OBJECTS = 2;
const WRITE = 3;
const FREE = 4;
const END = 5;

/** A record of `sys/zfs_ioctl.h`: type, payload, and numbers at offsets. */
function record(
  type: number,
  numbers: Record<number, number | bigint> = {},
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(312);
  header.writeUInt32LE(type, 0);
  for (const [offset, value] of Object.entries(numbers))
    if (typeof value === "bigint") header.writeBigUInt64LE(value, Number(offset));
    else header.writeUInt32LE(value, Number(offset));
  return Buffer.concat([header, payload]);
}

/** `name` is what the sender calls the snapshot. */
function begin(name: string, features = 0n): Buffer {
  const header = record(BEGIN, { 8: 0x2f5bacbacn, 16: features << 2n, 40: 7n });
  header.write(name, 56);
  return header;
}

const object = (number: bigint, bonus: Buffer) =>
  record(OBJECT, { 8: number, 16: 19, 24: 4096, 28: bonus.length }, bonus);
const write = (number: bigint, offset: bigint, block: Buffer) =>
  record(WRITE, { 8: number, 24: offset, 32: BigInt(block.length) }, block);

const BONUS = Buffer.from("attribut");
const BLOCK = Buffer.alloc(4096, "content");
const end = record(END);

async function digest(records: readonly Buffer[], chunkBytes = 1000) {
  const all = Buffer.concat(records);
  const chunks = Array.from({ length: Math.ceil(all.length / chunkBytes) }, (_, i) =>
    all.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const sink = new StreamDigest();
  await pipeline(Readable.from(chunks), sink);
  return sink.content();
}

const STREAM = [begin("tank/a@1"), object(2n, BONUS), write(2n, 0n, BLOCK), end];

describe("a stream's content is the same", () => {
  test.each([
    ["under another name", [begin("pool/sink/client/tank/a@1"), ...STREAM.slice(1)]],
    [
      "whatever is free",
      [STREAM[0], record(FREE_OBJECTS, { 8: 3n }), ...STREAM.slice(1, 3), record(FREE, { 8: 2n }), end],
    ],
    ["with zeros in place of a hole", [...STREAM.slice(0, 3), write(2n, 4096n, Buffer.alloc(4096)), end]],
  ])("%s", async (_, records) => {
    expect((await digest(records as Buffer[])).digest).toBe((await digest(STREAM)).digest);
  });

  test.each([1, 7, 312, 100_000])("in pieces of %i bytes", async (bytes) => {
    expect(await digest(STREAM, bytes)).toEqual(await digest(STREAM));
  });
});

describe("a stream's content is another one", () => {
  const other = Buffer.from(BLOCK);
  other[4095] = 1;
  test.each([
    ["with another byte in a block", [...STREAM.slice(0, 2), write(2n, 0n, other), end]],
    ["with a block elsewhere", [...STREAM.slice(0, 2), write(2n, 4096n, BLOCK), end]],
    ["with a block of another object", [...STREAM.slice(0, 2), write(3n, 0n, BLOCK), end]],
    ["with other attributes", [STREAM[0], object(2n, Buffer.from("ATTRIBUT")), ...STREAM.slice(2)]],
    ["without a block", [...STREAM.slice(0, 2), end]],
  ])("%s", async (_, records) => {
    expect((await digest(records as Buffer[])).digest).not.toBe((await digest(STREAM)).digest);
  });
});

test("how it is sent is told", async () => {
  expect(await digest(STREAM)).toMatchObject({ raw: false, largeBlocks: false });
  expect(await digest([begin("tank/a@1", 1n << 24n), end])).toMatchObject({ raw: true, largeBlocks: false });
  expect(await digest([begin("tank/a@1", 1n << 19n), end])).toMatchObject({ raw: false, largeBlocks: true });
});

test.each([
  ["was cut", STREAM.slice(0, 3), /ends early/],
  ["is none", [Buffer.alloc(400, "x")], /does not begin/],
  ["has an unknown record", [STREAM[0], record(99), end], /type 99/],
])("a stream that %s is refused", async (_, records, message) => {
  await expect(digest(records as Buffer[])).rejects.toThrow(message);
});
