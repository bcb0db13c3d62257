import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createBookmark, destroyBookmark } from "../../src/zfs/bookmark.ts";
import { destroySnapshots } from "../../src/zfs/destroy.ts";
import { holdSnapshots, releaseSnapshots } from "../../src/zfs/hold.ts";
import { identifyVersions, listDatasets, listHolds, listLocalProperty } from "../../src/zfs/list.ts";
import { abortReceive, createPlaceholder, setPlaceholder } from "../../src/zfs/placeholder.ts";
import { decodeResumeToken } from "../../src/zfs/resume-token.ts";
import { createRunner } from "../../src/zfs/runner.ts";
import { takeSnapshots } from "../../src/zfs/snapshot.ts";
import { type TestPool, trackPools, zfs } from "./pool.ts";
import { bookmarksOf, holdsBelow, property, snapshotsOf, writeRandom } from "./site.ts";

const newPool = trackPools("all");
const abort = new AbortController();
const runner = createRunner({ signal: abort.signal, env: process.env });
let pool: TestPool;
let fs = "";
let tests = 0;

const reasons = (failures: ReadonlyMap<string, { readonly reason: string }>) =>
  Object.fromEntries([...failures].map(([name, { reason }]) => [name, reason]));

beforeAll(async () => {
  pool = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
});

afterAll(() => abort.abort(new Error("the tests are over")));

/** A filesystem with blanks in its name, with @1 @2 @3. */
beforeEach(async () => {
  fs = `${pool.name}/t ${++tests}`;
  await zfs("create", fs);
  await takeSnapshots(runner, [`${fs}@1`]);
  await takeSnapshots(runner, [`${fs}@2`]);
  await takeSnapshots(runner, [`${fs}@3`]);
});

describe("one listing", () => {
  test("shows filesystems, volumes and their versions as zfs get does", async () => {
    await zfs("create", "-V", "1M", `${fs}/vol`);
    await zfs("snapshot", `${fs}/vol@ leading blank`);
    await zfs("bookmark", `${fs}@1`, `${fs}#b 1`);
    await zfs("hold", "x", `${fs}@2`);
    await zfs("hold", "y", `${fs}@2`);
    await zfs("set", "zrepl:placeholder=on", fs);
    const { filesystems, missingRoots } = await listDatasets(runner, { roots: [fs, `${pool.name}/nope`] });
    expect(missingRoots).toEqual([`${pool.name}/nope`]);
    expect([...filesystems.keys()]).toEqual([fs, `${fs}/vol`]);
    const record = filesystems.get(fs);
    expect(record).toMatchObject({
      type: "filesystem",
      encrypted: false,
      placeholderValue: "on",
      resumeToken: undefined,
    });
    expect(record?.guid).toBe(await property(fs, "guid"));
    expect(filesystems.get(`${fs}/vol`)).toMatchObject({ type: "volume", placeholderValue: "on" }); // inherited
    expect(filesystems.get(`${fs}/vol`)?.versions.map(({ name }) => name)).toEqual([" leading blank"]);
    const versions = record?.versions ?? [];
    expect(versions.map(({ kind, name, userrefs }) => `${kind} ${name} ${userrefs}`).sort()).toEqual([
      "bookmark b 1 0",
      "snapshot 1 0",
      "snapshot 2 2",
      "snapshot 3 0",
    ]);
    for (const { kind, name, guid, createtxg, creationSec } of versions) {
      const full = `${fs}${kind === "snapshot" ? "@" : "#"}${name}`;
      expect(await zfs("get", "-Hpo", "value", "guid,createtxg,creation", full)).toBe(
        `${guid}\n${createtxg}\n${creationSec}`,
      );
    }
    const local = await listLocalProperty(runner, "zrepl:placeholder", [fs]);
    expect([...local]).toEqual([[fs, "on"]]);
  });

  test("of depth 1 leaves out the children, and of nothing that exists is empty", async () => {
    await zfs("create", `${fs}/child`);
    await zfs("snapshot", `${fs}/child@1`);
    const { filesystems } = await listDatasets(runner, { roots: [fs], depth: 1 });
    expect(filesystems.get(fs)?.versions).toHaveLength(3);
    expect(filesystems.get(`${fs}/child`)?.versions ?? []).toEqual([]);
    const none = await listDatasets(runner, { roots: ["zrtest-nope/x", `${pool.name}/nope`] });
    expect([none.filesystems.size, none.missingRoots]).toEqual([0, ["zrtest-nope/x", `${pool.name}/nope`]]);
  });

  test("of versions by name leaves out those that are gone", async () => {
    await zfs("bookmark", `${fs}@1`, `${fs}#1`);
    const found = await identifyVersions(runner, [`${fs}@1`, `${fs}#1`, `${fs}@nope`, `${fs}#nope`, `${fs}/no@1`]);
    expect([...found.keys()].sort()).toEqual([`${fs}#1`, `${fs}@1`]);
    expect(found.get(`${fs}@1`)?.guid).toBe(await property(`${fs}@1`, "guid"));
  });
});

describe("holds", () => {
  test("are put and taken off in one process each, twice as well as once", async () => {
    const snapshots = [`${fs}@1`, `${fs}@2`];
    for (let i = 0; i < 2; i++) expect(await holdSnapshots(runner, "a tag", snapshots)).toEqual(new Map());
    expect(await listHolds(runner, [...snapshots, `${fs}@nope`])).toEqual(
      snapshots.map((snapshot) => ({ snapshot, tag: "a tag" })),
    );
    for (let i = 0; i < 2; i++) expect(await releaseSnapshots(runner, "a tag", snapshots)).toEqual(new Map());
    expect(await holdsBelow(fs)).toEqual([]);
  });

  test("a snapshot that is gone fails alone when held, and counts as done when released", async () => {
    await zfs("hold", "t", `${fs}@2`);
    const failures = await holdSnapshots(runner, "t", [`${fs}@1`, `${fs}@nope`, `${fs}@2`, `${fs}/no fs@1`, `${fs}@3`]);
    expect(reasons(failures)).toEqual({ [`${fs}@nope`]: "does-not-exist", [`${fs}/no fs@1`]: "does-not-exist" });
    expect(await holdsBelow(fs)).toEqual(["@1: t", "@2: t", "@3: t"]);
    expect(await releaseSnapshots(runner, "t", [`${fs}@1`, `${fs}/no fs@1`, `${fs}@nope`, `${fs}@3`])).toEqual(
      new Map(),
    );
    expect(await holdsBelow(fs)).toEqual(["@2: t"]);
    await zfs("release", "t", `${fs}@2`);
  });
});

describe("destroying", () => {
  test("takes what can go of a batch, says why the rest can't, and counts what is gone as done", async () => {
    await takeSnapshots(runner, [`${fs}@4 with blanks`]);
    await zfs("hold", "t", `${fs}@2`);
    await zfs("clone", `${fs}@3`, `${fs}/clone`);
    const failures = await destroySnapshots(runner, fs, ["4 with blanks", "3", "2", "1", "nope"]);
    expect(Object.keys(reasons(failures)).sort()).toEqual(["2", "3"]);
    expect(failures.get("2")?.reason).toMatch(/^(busy|held)$/);
    expect(failures.get("3")?.reason).toBe("has-clones");
    expect(await snapshotsOf(fs)).toEqual(["2", "3"]);
    expect(await destroySnapshots(runner, fs, ["1", "nope"])).toEqual(new Map());
    expect(await destroySnapshots(runner, `${fs}/no`, ["1", "2"])).toEqual(new Map());
    await zfs("release", "t", `${fs}@2`);
  });
});

describe("bookmarks", () => {
  test("are made once and again, of snapshots and of bookmarks, but never over another", async () => {
    const [one, two] = [await property(`${fs}@1`, "guid"), await property(`${fs}@2`, "guid")];
    for (let i = 0; i < 2; i++) await createBookmark(runner, `${fs}@1`, `${fs}#b`, one);
    await createBookmark(runner, `${fs}#b`, `${fs}#copy of b`, one);
    expect(await property(`${fs}#copy of b`, "guid")).toBe(one);
    await expect(createBookmark(runner, `${fs}@2`, `${fs}#b`, two)).rejects.toMatchObject({ reason: "exists" });
    await expect(createBookmark(runner, `${fs}@no`, `${fs}#c`, "1")).rejects.toMatchObject({
      reason: "does-not-exist",
    });
    for (let i = 0; i < 2; i++) await destroyBookmark(runner, `${fs}#b`);
    expect(await bookmarksOf(fs)).toEqual(["copy of b"]);
  });
});

test("several filesystems are snapshotted in one txg or not at all", async () => {
  await zfs("create", `${fs}/child`);
  await takeSnapshots(runner, [`${fs}@4`, `${fs}/child@4`]);
  expect(await property(`${fs}@4`, "createtxg")).toBe(await property(`${fs}/child@4`, "createtxg"));
  await expect(takeSnapshots(runner, [`${fs}@5`, `${fs}/child@4`])).rejects.toMatchObject({ reason: "exists" });
  expect(await snapshotsOf(fs)).toEqual(["1", "2", "3", "4"]);
});

test("a placeholder is created unmounted and can be unmarked", async () => {
  await createPlaceholder(runner, `${fs}/p q`, "inherit");
  expect(await zfs("get", "-Hpo", "value,source", "zrepl:placeholder,mountpoint", `${fs}/p q`)).toBe(
    "on\tlocal\nnone\tlocal",
  );
  await setPlaceholder(runner, `${fs}/p q`, "off");
  expect(await property(`${fs}/p q`, "zrepl:placeholder")).toBe("off");
});

test("a resume token is decoded, with or without its snapshot, and an interrupted receive can be aborted", async () => {
  await writeRandom(join(pool.dir, "mnt", fs.slice(pool.name.length + 1), "file"), 2000);
  await zfs("snapshot", `${fs}@big`);
  const guid = (name: string) => property(`${fs}@${name}`, "guid");
  const cut = async (sendArgs: readonly string[], target: string) => {
    const script = 'target=$1; shift; zfs send "$@" | head -c 1000000 | zfs recv -s -u "$target"';
    await execa("bash", ["-c", script, "bash", target, ...sendArgs], { reject: false });
    return property(target, "receive_resume_token");
  };
  const token = await cut([`${fs}@big`], `${fs}/full`);
  expect(await decodeResumeToken(runner, token)).toMatchObject({
    ...{ toGuid: await guid("big"), fromGuid: undefined, toName: `${fs}@big`, raw: false },
  });
  await execa("bash", ["-c", 'zfs send "$1@3" | zfs recv -u "$1/inc"', "bash", fs]);
  const incremental = await cut(["-i", "@3", `${fs}@big`], `${fs}/inc`);
  expect(await decodeResumeToken(runner, incremental)).toMatchObject({ fromGuid: await guid("3") });
  const big = await guid("big");
  await zfs("destroy", `${fs}@big`);
  const gone = await decodeResumeToken(runner, incremental);
  expect(gone?.toGuid).toBe(big);
  expect(gone?.bytes).toBeGreaterThan(0);
  expect(await decodeResumeToken(runner, "1-abc-def")).toBeUndefined();
  for (let i = 0; i < 2; i++) await abortReceive(runner, `${fs}/inc`);
  expect(await property(`${fs}/inc`, "receive_resume_token")).toBe("-");
  expect(await snapshotsOf(`${fs}/inc`)).toEqual(["3"]);
  for (let i = 0; i < 2; i++) await abortReceive(runner, `${fs}/full`); // takes the filesystem with it
  await expect(zfs("list", `${fs}/full`)).rejects.toThrow("does not exist");
});
