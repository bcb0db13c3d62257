import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { type ByteSource, readFrame, streamSource } from "../../src/remote/byte-source.ts";
import { encodeListing, ListingReader } from "../../src/remote/message.ts";
import {
  CLIENT_GREETING_BYTES,
  clientGreeting,
  encodeFrame,
  LIMITS,
  PROTOCOL,
  ProtocolError,
  parseClientGreeting,
  parseServerGreeting,
  protocolMismatch,
  serverGreeting,
} from "../../src/remote/wire.ts";

/** The bytes in pieces of the given sizes, then the end. */
function inPieces(bytes: Buffer, sizes: readonly number[]): ByteSource {
  const stream = new PassThrough();
  const source = streamSource(stream);
  void (async () => {
    let at = 0;
    for (let i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length] ?? 1;
      stream.write(bytes.subarray(at, at + size));
      at += size;
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
  })();
  return source;
}

const jsonObject = fc
  .dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })
  .map((value) => JSON.parse(JSON.stringify(value)) as object);
const pieces = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 });

describe("frames", () => {
  test("arrive as they were sent, however they are cut into pieces", async () => {
    const frames = fc.array(fc.tuple(jsonObject, fc.uint8Array({ maxLength: 3000 })), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(frames, pieces, async (sent, sizes) => {
        const bytes = Buffer.concat(sent.map(([header, payload]) => encodeFrame(header, Buffer.from(payload))));
        const source = inPieces(bytes, sizes);
        for (const [header, payload] of sent)
          expect(await readFrame(source)).toMatchObject({ header, payload: Buffer.from(payload) });
        expect(await readFrame(source)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  test("that are cut short are told from the end", async () => {
    const whole = encodeFrame({ id: 1 }, Buffer.alloc(100));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: whole.length - 1 }), pieces, async (length, sizes) => {
        await expect(readFrame(inPieces(whole.subarray(0, length), sizes))).rejects.toThrow(ProtocolError);
      }),
    );
  });

  test("that announce too much are refused before it is read", async () => {
    for (const [header, payload] of [
      [LIMITS.headerBytes + 1, 0],
      [0xffffffff, 0],
      [2, LIMITS.payloadBytes + 1],
      [0, 0],
    ] as const) {
      const prefix = Buffer.alloc(8);
      prefix.writeUInt32BE(header, 0);
      prefix.writeUInt32BE(payload, 4);
      await expect(readFrame(inPieces(prefix, [8]))).rejects.toThrow(/too large|no header/);
    }
  });

  test.each(["[]", "null", "1", '"text"', "{", "\u0000", '{"a":1}x'])(
    "whose header is %j are refused",
    async (json) => {
      const prefix = Buffer.alloc(8);
      prefix.writeUInt32BE(Buffer.byteLength(json), 0);
      await expect(readFrame(inPieces(Buffer.concat([prefix, Buffer.from(json)]), [100]))).rejects.toThrow(
        "frame header",
      );
    },
  );
});

describe("greetings", () => {
  test("read back", () => {
    const [, line = ""] = serverGreeting("1.2.3-rc.1").toString().split("\n");
    expect(parseServerGreeting(line)).toEqual({ protocol: PROTOCOL, version: "1.2.3-rc.1" });
    expect(parseServerGreeting(`${line}\r`)).toEqual({ protocol: PROTOCOL, version: "1.2.3-rc.1" });
    expect(clientGreeting()).toHaveLength(CLIENT_GREETING_BYTES);
    expect(parseClientGreeting(clientGreeting())).toBe(PROTOCOL);
  });

  test("of another protocol say who has to be upgraded", () => {
    const newer = protocolMismatch("0.1.0", { protocol: PROTOCOL + 1, version: "9.0.0" });
    expect(newer.message).toBe(
      `zrepl-run 9.0.0 on the other side speaks protocol ${PROTOCOL + 1}, zrepl-run 0.1.0 here speaks protocol ${PROTOCOL}`,
    );
    expect(newer.hint).toBe("upgrade zrepl-run on this side");
    expect(protocolMismatch("0.1.0", { protocol: 0 }).hint).toBe("upgrade zrepl-run on the other side");
  });

  test("of something else are no greetings", () => {
    fc.assert(fc.property(fc.string(), (line) => parseServerGreeting(line) === undefined));
    expect(() => parseClientGreeting(Buffer.from("GET / HTTP/1.1\r\nHost: exampl\r\n\r\n"))).toThrow("no zrepl-run");
  });
});

describe("listings", () => {
  const snapshot = (i: number) => ["v", "@", `zrepl_${i}`, "18446744073709551615", String(i), 1_700_000_000, 0, null];

  test("of a million snapshots are taken, without end they are not", { timeout: 60_000 }, () => {
    const reader = new ListingReader();
    reader.item(["f", "pool/data", "filesystem", false, false, null, null]);
    for (let i = 1; i <= 1_000_000; i++) reader.item(snapshot(i));
    expect(reader.filesystems[0]?.versions).toHaveLength(1_000_000);
    for (let i = 1_000_001; i < LIMITS.listingItems; i++) reader.item(["p", ""]);
    expect(() => reader.item(["p", ""])).toThrow("the other side's listing has more than 2000000 entries");
  });

  test("can't be made endless by holds", () => {
    const reader = new ListingReader();
    reader.item(["f", "pool/data", "filesystem", false, false, null, null]);
    const tags = Array<string>(20_000).fill("tag");
    const endless = () => {
      for (let i = 0; i < 101; i++) reader.item(["v", "@", "s", "1", "1", 1, 20_000, tags]);
    };
    expect(endless).toThrow("has more than 2000000 entries");
  });

  const component = fc.stringMatching(/^[a-z0-9_.:-]{1,20}$/).filter((name) => name !== "." && name !== "..");
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const version = fc.record({
    kind: fc.constantFrom("snapshot" as const, "bookmark" as const),
    name: component,
    guid: uint64.map(String),
    createtxg: uint64,
    creationSec: fc.nat(),
    userrefs: fc.nat(),
  });
  const state = fc
    .record({
      filesystem: fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      type: fc.constantFrom("filesystem" as const, "volume" as const),
      isPlaceholder: fc.boolean(),
      encrypted: fc.boolean(),
      resumeToken: fc.option(fc.constant("1-ab-cd-ef"), { nil: undefined }),
      versions: fc.array(version, { maxLength: 10 }),
      refusal: fc.option(fc.string(), { nil: undefined }),
    })
    .map((found): FilesystemState => {
      const held = found.versions.filter(({ kind, userrefs }) => kind === "snapshot" && userrefs % 2 === 1);
      return { ...found, holds: new Map(held.map(({ name }) => [name, ["a tag", "another"]])) };
    });

  test("arrive as they were sent", () => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 5 }), fc.array(fc.string(), { maxLength: 2 }), (states, problems) => {
        const reader = new ListingReader();
        for (const item of encodeListing(states, problems)) reader.item(JSON.parse(JSON.stringify(item)));
        expect(reader.filesystems).toEqual(states);
        expect(reader.problems).toEqual(problems);
      }),
    );
  });

  test.each([
    [["v", "@", "a", "1", "1", 1, 0, null], "without a filesystem"],
    [["f", "a@b", "filesystem", false, false, null, null], "contains @"],
    [["f", "a/../b", "filesystem", false, false, null, null], '".."'],
    [["f", "-a\n", "filesystem", false, false, null, null], "contains a character"],
    [["x"], "unknown kind"],
    [{}, "not a list"],
  ])("with %j are refused", (item, problem) => {
    expect(() => new ListingReader().item(item)).toThrow(problem);
  });
});
