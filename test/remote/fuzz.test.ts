/**
 * What a hostile client may send: no crash, no hang, no effect outside its subtree, a clear refusal. ZREPL_RUN_FUZZ sets
 * how many hostile inputs each property gets.
 */
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { readFrame, streamSource } from "../../src/remote/byte-source.ts";
import { clientGreeting, encodeFrame, type Frame } from "../../src/remote/wire.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig, type RigOptions, type Served } from "./rig.ts";

const numRuns = Number(process.env["ZREPL_RUN_FUZZ"] ?? 300);
const timeout = 60_000 + numRuns * 50;

const rigs: Rig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.dispose();
});

function newRig(options: RigOptions = {}): Rig {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("src");
  sim.addPool("dst");
  play(
    sim,
    `
+ "dst/sink"
+ "dst/sink/${CLIENT}"
+ "dst/sink/${CLIENT}/backup"
+ "dst/sink/${CLIENT}/backup@one"
+ "dst/sink/${CLIENT}/backup@two"
+ "dst/sink/bob/backup"
+ "dst/sink/bob/backup@one"
+ "dst/outside"
+ "dst/outside@one"
+ "src/data"
+ "src/data@one"
+ "src/data@two"
+ "src/data#mark" "src/data@one"
+ "src/secret"
+ "src/secret@one"`,
  );
  const rig = new Rig(sim, options);
  rigs.push(rig);
  return rig;
}

/** All that a client has no business with, as text. */
function outside(sim: ZfsSimulator, mine: (dataset: string) => boolean): string {
  const datasets = Object.values(sim.world.pools).flatMap((pool) => Object.entries(pool.datasets));
  const foreign = datasets
    .filter(([name]) => !mine(name))
    .map(([name, { snapshots, bookmarks, props }]) => ({ name, snapshots, bookmarks, props }));
  return JSON.stringify(
    foreign.map(({ name, snapshots, bookmarks }) => ({
      name,
      snapshots: snapshots.map((snapshot) => [snapshot.name, snapshot.guid, snapshot.holds]),
      bookmarks: bookmarks.map((bookmark) => [bookmark.name, bookmark.guid]),
    })),
  );
}

/**
 * Sends, waits for the answers to the questions `ids`, hangs up, and waits for the server's end.
 * @returns what it said after its greeting
 */
async function attack(served: Served, bytes: readonly Buffer[], ids: readonly number[] = []): Promise<Frame[]> {
  const source = streamSource(served.input);
  const frames: Frame[] = [];
  const waiting = new Set(ids);
  let answered: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    answered = resolve;
  });
  if (waiting.size === 0) answered();
  const listening = (async () => {
    for (let newlines = 0; newlines < 2; ) {
      const byte = await source.readExactly(1);
      if (byte === undefined) return;
      if (byte[0] === 0x0a) newlines++;
    }
    for (;;) {
      const frame = await readFrame(source);
      if (frame === undefined) return;
      frames.push(frame);
      if (!("items" in frame.header)) waiting.delete(Number(frame.header["id"]));
      if (waiting.size === 0) answered();
    }
  })().finally(answered);
  for (const chunk of bytes) if (!served.output.destroyed) served.output.write(chunk);
  const hang = delay(10_000, "hang", { ref: false });
  expect(await Promise.race([all, hang])).not.toBe("hang");
  served.output.end();
  expect(await Promise.race([served.ended, hang])).not.toBe("hang");
  await listening;
  return frames;
}

const validHello = (role: "sink" | "source") => Buffer.concat([clientGreeting(), encodeFrame({ hello: hello(role) })]);

const hostileName = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("backup", "src/data", "../bob/backup", "src/secret", "src", "new", "new/child"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "backup",
      "data",
      "src/data",
      "src/secret",
      "../bob/backup",
      "backup/../../bob/backup",
      "/dst/outside",
      "dst/outside",
      "bob/backup",
      ".",
      "..",
      "",
      "backup@one",
      "backup#x",
      "-r",
      "-R",
      "--",
      "a b",
      "a;reboot",
      "$(reboot)",
      "a\nb",
      "a\u0000b",
      "%recv",
      "backup/%recv",
      "x".repeat(256),
      `${"a/".repeat(100)}b`,
      "backup//x",
      "backup/",
      "ｂackup",
      "__proto__",
      "constructor",
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
);

/** Mostly what is expected there, so that most of a question is right and one thing is wrong. */
function mostly<T>(right: T, ...wrong: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...wrong) });
}

const hostileGuid = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "0x10",
    "1e3",
    " 1",
    "",
    "99999999999999999999999",
  ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
);

/** Versions that exist too: half of the danger is in what is nearly right. */
function hostileVersion(sim: ZfsSimulator) {
  const real = Object.values(sim.world.pools)
    .flatMap((pool) => Object.values(pool.datasets))
    .flatMap(({ snapshots }) => snapshots.map(({ name, guid }) => ({ name, guid: String(guid) })));
  const forged = fc.record({ name: fc.oneof(fc.constantFrom("one", "two", "new"), hostileName), guid: hostileGuid });
  return fc
    .oneof({ weight: 2, arbitrary: fc.constantFrom(...real) }, { weight: 1, arbitrary: forged })
    .chain((version) =>
      fc.record({
        kind: mostly("snapshot", "bookmark", "filesystem"),
        name: fc.constant(version.name),
        guid: fc.constant(version.guid),
        createtxg: fc.oneof({ weight: 8, arbitrary: fc.constant("5") }, { weight: 1, arbitrary: hostileGuid }),
        creationSec: mostly(1_700_000_000, 0, -1, 1.5),
        userrefs: mostly(0, -1, 7),
      }),
    );
}

const hostileToken = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  fc.constantFrom("1-1-1-1", "-t", "1-ab", "", "1-c753c3ddf-c0-789c636064000310a500c4ec50360710e72765a526973"),
  fc.string(),
);

const guarantee = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("guarantee_resumability", "guarantee_incremental", "guarantee_nothing") },
  { weight: 1, arbitrary: fc.constant("nothing") },
);

function hostileStep(sim: ZfsSimulator) {
  const version = hostileVersion(sim);
  return fc.record({
    filesystem: hostileName,
    type: mostly("filesystem", "volume", "snapshot"),
    from: fc.option(version, { nil: undefined }),
    to: version,
    resumeToken: hostileToken,
    via: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(version, { maxLength: 3 }) },
    ),
    guarantee,
  });
}

/** Questions of the right shape, or nearly. */
function hostileCall(sim: ZfsSimulator) {
  const version = hostileVersion(sim);
  const step = hostileStep(sim);
  const steps = fc.array(step, { maxLength: 3 });
  const confirmed = fc.array(
    fc.record({ filesystem: hostileName, to: version, guarantee, unfinished: fc.option(step, { nil: undefined }) }),
    { maxLength: 3 },
  );
  const requests = fc.array(fc.record({ filesystem: hostileName, snapshots: fc.array(version, { maxLength: 3 }) }), {
    maxLength: 3,
  });
  const args: Record<string, fc.Arbitrary<unknown>> = {
    list: fc.constant({}),
    look: fc.record({ filesystem: hostileName }),
    lock: fc.constant({}),
    decodeToken: fc.record({ token: hostileToken }),
    estimate: fc.record({ step }),
    prepare: fc.record({ steps }),
    send: fc.record({ step }),
    complete: fc.record({ steps: confirmed }),
    receive: fc.record({ step }),
    confirm: fc.record({ steps: confirmed }),
    clearResumeState: fc.record({ filesystem: hostileName }),
    rollback: fc.record({ filesystem: hostileName, to: version, destroys: fc.array(version, { maxLength: 3 }) }),
    setAside: fc.record({
      filesystem: hostileName,
      suffix: fc.oneof(fc.constantFrom(".x", "/../x", "", ".a/b", "x"), fc.string()),
    }),
    destroySnapshots: fc.record({ requests }),
    reclaimable: fc.record({ requests }),
    poolFeatures: fc.constant({}),
  };
  const fitting = fc
    .constantFrom(...Object.keys(args))
    .chain((call) => fc.tuple(fc.constant(call), args[call] ?? fc.constant({})));
  const odd = fc.tuple(
    fc.oneof(fc.constantFrom("__proto__", "toString", "exec", ...Object.keys(args)), fc.string()),
    fc.jsonValue(),
  );
  return fc.oneof({ weight: 5, arbitrary: fitting }, { weight: 1, arbitrary: odd });
}

describe("a server survives", { timeout }, () => {
  test("any bytes instead of a hello", async () => {
    const rig = newRig();
    const before = rig.sim.dump();
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => [Buffer.from(bytes)]),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => [clientGreeting(), Buffer.from(bytes)]),
      fc.jsonValue().map((value) => [clientGreeting(), encodeFrame({ hello: value })]),
      fc
        .record(
          {
            role: fc.constantFrom("sink", "source", "root"),
            session: fc.oneof(fc.constant("0".repeat(32)), fc.string()),
            driver: fc.string(),
            keepAliveSec: fc.oneof(fc.integer(), fc.constant("1")),
            lockWaitSec: fc.oneof(fc.integer(), fc.double()),
            stream: fc.option(hostileStep(rig.sim), { nil: undefined }),
          },
          { requiredKeys: [] },
        )
        .map((value) => [clientGreeting(), encodeFrame({ hello: value })]),
      fc
        .integer({ min: 0, max: validHello("sink").length - 1 })
        .map((length) => [validHello("sink").subarray(0, length)]),
    );
    await fc.assert(
      fc.asyncProperty(junk, async (bytes) => {
        const frames = await attack(rig.serve(), bytes);
        for (const { header } of frames)
          expect(Object.keys(header)).toEqual([expect.stringMatching(/^(error|welcome)$/)]);
      }),
      { numRuns },
    );
    expect(rig.bugs).toEqual([]);
    expect(rig.sim.dump()).toBe(before);
  });

  test("a session that is damaged anywhere", async () => {
    const rig = newRig();
    const session = Buffer.concat([
      validHello("sink"),
      encodeFrame({ id: 1, call: "list", args: {} }),
      encodeFrame({ ping: true }),
      encodeFrame({ id: 2, call: "clearResumeState", args: { filesystem: "backup" } }),
    ]);
    const change = fc.record({
      at: fc.nat(session.length - 1),
      byte: fc.nat(255),
      cut: fc.option(fc.nat(session.length), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(session);
        for (const { at, byte } of changes) bytes[at] = byte;
        await attack(rig.serve(), [bytes.subarray(0, changes[0]?.cut ?? bytes.length)]);
      }),
      { numRuns },
    );
    expect(rig.bugs).toEqual([]);
  });

  test("questions out of order, twice, and too many", async () => {
    const rig = newRig();
    const twice = await attack(rig.serve(), [
      validHello("sink"),
      encodeFrame({ id: 1, call: "lock", args: {} }),
      encodeFrame({ id: 1, call: "lock", args: {} }),
    ]);
    expect(JSON.stringify(twice.map(({ header }) => header["error"]))).toContain("open already");
    const many = Array.from({ length: 70 }, (_, i) => encodeFrame({ id: i + 1, call: "lock", args: {} }));
    const flood = await attack(rig.serve(), [validHello("sink"), ...many]);
    expect(JSON.stringify(flood.map(({ header }) => header["error"]))).toContain("questions at once");
    const second = await attack(rig.serve(), [validHello("sink"), validHello("sink")]);
    expect(second.at(-1)?.header).toHaveProperty("error");
    const stream = { filesystem: "backup" };
    const half = await attack(rig.serve(), [clientGreeting(), encodeFrame({ hello: { ...hello("sink"), stream } })]);
    expect(half.at(-1)?.header).toHaveProperty("error");
    expect(rig.bugs).toEqual([]);
  });
});

describe("a client of a sink", { timeout }, () => {
  test("touches nothing outside its subtree, whatever it asks", async () => {
    const rig = newRig();
    const isMine = (name: string) => name === `dst/sink/${CLIENT}` || name.startsWith(`dst/sink/${CLIENT}/`);
    const before = outside(rig.sim, isMine);
    const pristine = rig.sim.snapshotState();
    await fc.assert(
      fc.asyncProperty(fc.array(hostileCall(rig.sim), { minLength: 1, maxLength: 6 }), async (calls) => {
        rig.sim.world = JSON.parse(pristine) as typeof rig.sim.world;
        const frames = calls.map(([call, args], i) => encodeFrame({ id: i + 1, call, args }, Buffer.from("junk")));
        const list = encodeFrame({ id: 99, call: "list", args: {} });
        const ids = calls.map((_, i) => i + 1);
        await attack(rig.serve(), [validHello("sink"), list, ...frames], ids);
        expect(outside(rig.sim, isMine)).toBe(before);
        expect(rig.bugs).toEqual([]);
      }),
      { numRuns },
    );
  });

  test("takes nothing away from an append-only sink, whatever it asks", async () => {
    const rig = newRig({ sink: { permissions: { prune: false } } });
    const pristine = rig.sim.snapshotState();
    const backup = `dst/sink/${CLIENT}/backup`;
    await fc.assert(
      fc.asyncProperty(fc.array(hostileCall(rig.sim), { minLength: 1, maxLength: 6 }), async (calls) => {
        rig.sim.world = JSON.parse(pristine) as typeof rig.sim.world;
        const frames = calls.map(([call, args], i) => encodeFrame({ id: i + 1, call, args }));
        const list = encodeFrame({ id: 99, call: "list", args: {} });
        const ids = calls.map((_, i) => i + 1);
        await attack(rig.serve(), [validHello("sink"), list, ...frames], ids);
        const names = rig.sim.world.pools["dst"]?.datasets[backup]?.snapshots.map(({ name }) => name);
        expect(names?.slice(0, 2)).toEqual(["one", "two"]);
        expect(rig.bugs).toEqual([]);
      }),
      { numRuns },
    );
  });
});

describe("a client of a source", { timeout }, () => {
  test("touches and sees nothing that the filter does not match, whatever it asks", async () => {
    const rig = newRig();
    const isMine = (name: string) => name === "src" || name.startsWith("src/data");
    const before = outside(rig.sim, isMine);
    const pristine = rig.sim.snapshotState();
    const secretGuid = String(rig.sim.world.pools["src"]?.datasets["src/secret"]?.snapshots[0]?.guid);
    await fc.assert(
      fc.asyncProperty(fc.array(hostileCall(rig.sim), { minLength: 1, maxLength: 6 }), async (calls) => {
        rig.sim.world = JSON.parse(pristine) as typeof rig.sim.world;
        const list = encodeFrame({ id: 99, call: "list", args: {} });
        const frames = calls.map(([call, args], i) => encodeFrame({ id: i + 1, call, args }));
        const ids = [99, ...calls.map((_, i) => i + 1)];
        const answers = await attack(rig.serve(), [validHello("source"), list, ...frames], ids);
        expect(outside(rig.sim, isMine)).toBe(before);
        const listed = JSON.stringify(answers.map(({ header }) => header["items"]));
        expect(listed).not.toContain(`"${secretGuid}"`);
        expect(rig.bugs).toEqual([]);
      }),
      { numRuns },
    );
  });
});
