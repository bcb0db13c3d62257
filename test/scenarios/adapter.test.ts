/** zrepl's platform tests of single operations (zrepl-behaviour.md §10.2), on our adapter. */
import { describe, expect, test } from "vitest";
import { createBookmark, destroyBookmark } from "../../src/zfs/bookmark.ts";
import { destroySnapshots } from "../../src/zfs/destroy.ts";
import { holdSnapshots, releaseSnapshots } from "../../src/zfs/hold.ts";
import { identifyVersions, listDatasets, listHolds } from "../../src/zfs/list.ts";
import { decodeResumeToken } from "../../src/zfs/resume-token.ts";
import { relativeName } from "../../src/zfs/version.ts";
import { Lab } from "./lab.ts";
import { ScriptedRunner } from "./scripted-runner.ts";

function world(script: string) {
  const lab = new Lab(script);
  return { lab, runner: new ScriptedRunner(lab.sim, [], new AbortController().signal) };
}

const FOO = "src/foo bar";

describe("destroying a batch", () => {
  test("does what it can, and names the held one", async () => {
    const { lab, runner } = world(`
      + "${FOO}"
      + "${FOO}@1"
      + "${FOO}@2"
      + "${FOO}@3"
      + "${FOO}@2" "tag"`);
    const failures = await destroySnapshots(runner, FOO, ["3", "2"]);
    expect([...failures.keys()]).toEqual(["2"]);
    expect(failures.get("2")?.reason).toMatch(/held|busy/);
    expect(failures.get("2")?.message).toContain(`${FOO}@2`);
    expect(lab.snapshots(FOO)).toEqual(["1", "2"]);
  });

  test("of names with blanks, with a held one among them", async () => {
    const names = ["1 2 3", "4 5 6", "7 8 9"];
    const { lab, runner } = world(`
      + "${FOO}"
      ${names.map((name) => `+ "${FOO}@${name}"`).join("\n")}
      + "${FOO}@4 5 6" "tag"`);
    const failures = await destroySnapshots(runner, FOO, names);
    expect([...failures.keys()]).toEqual(["4 5 6"]);
    expect(lab.snapshots(FOO)).toEqual(["4 5 6"]);
  });

  test("that is gone already is done, also with its filesystem", async () => {
    const { runner } = world(`+ "${FOO}"`);
    expect(await destroySnapshots(runner, FOO, ["1", "2"])).toEqual(new Map());
    expect(await destroySnapshots(runner, "src/never was", ["1"])).toEqual(new Map());
  });
});

describe("bookmarks", () => {
  const SCRIPT = `
    + "${FOO}"
    + "${FOO}@1"
    + "${FOO}@2"`;

  test("the same again is done; the same name for another snapshot is not", async () => {
    const { lab, runner } = world(SCRIPT);
    const guid = (name: string) => lab.snapshot(`${FOO}@${name}`).guid;
    await createBookmark(runner, `${FOO}@1`, `${FOO}#b`, guid("1"));
    await createBookmark(runner, `${FOO}@1`, `${FOO}#b`, guid("1"));
    await expect(createBookmark(runner, `${FOO}@2`, `${FOO}#b`, guid("2"))).rejects.toMatchObject({ reason: "exists" });
    const known = guid("1");
    lab.play(`- "${FOO}@1"`);
    await expect(createBookmark(runner, `${FOO}@1`, `${FOO}#c`, known)).rejects.toMatchObject({
      reason: "does-not-exist",
    });
    // a bookmark can be copied, though: the cursor of a destroyed snapshot is made from its tentative one
    await createBookmark(runner, `${FOO}#b`, `${FOO}#c`, known);
    expect(lab.dataset(FOO).bookmarks.map(({ name }) => name)).toEqual(["b", "c"]);
  });

  test("destroying one twice is done, also when its filesystem is gone", async () => {
    const { lab, runner } = world(`${SCRIPT}
      + "${FOO}#b" "${FOO}@1"`);
    await destroyBookmark(runner, `${FOO}#b`);
    await destroyBookmark(runner, `${FOO}#b`);
    await destroyBookmark(runner, "src/never was#b");
    expect(lab.dataset(FOO).bookmarks).toEqual([]);
  });
});

describe("holds", () => {
  test("two tags with blanks on one snapshot; the same twice is done", async () => {
    const { runner } = world(`
      + "${FOO}"
      + "${FOO}@foo 1"`);
    for (const tag of ["tag 1", "tag 2", "tag 1"])
      expect(await holdSnapshots(runner, tag, [`${FOO}@foo 1`])).toEqual(new Map());
    const tags = (await listHolds(runner, [`${FOO}@foo 1`])).map(({ tag }) => tag);
    expect(tags.sort()).toEqual(["tag 1", "tag 2"]);
    for (const tag of ["tag 1", "tag 1"])
      expect(await releaseSnapshots(runner, tag, [`${FOO}@foo 1`])).toEqual(new Map());
  });

  test("of a batch with one that is gone: the others are held, that one is named", async () => {
    const { lab, runner } = world(`
      + "src/a"
      + "src/a@1"
      + "src/b"
      + "src/b@1"`);
    const failures = await holdSnapshots(runner, "tag", ["src/a@1", "src/a@2", "src/b@1", "src/gone@1"]);
    expect([...failures.keys()].sort()).toEqual(["src/a@2", "src/gone@1"]);
    expect([lab.holds("src/a"), lab.holds("src/b")]).toEqual([["@1: tag"], ["@1: tag"]]);
  });
});

describe("listing", () => {
  test("names what is missing", async () => {
    const { runner } = world(`+ "${FOO}"`);
    const { filesystems, missingRoots } = await listDatasets(runner, { roots: [FOO, "src/gone", "nopool/x"] });
    expect([...filesystems.keys()]).toEqual([FOO]);
    expect(missingRoots).toEqual(["src/gone", "nopool/x"]);
    expect(await identifyVersions(runner, [`${FOO}@1`, `${FOO}#1`, "src/gone@1"])).toEqual(new Map());
  });

  test("no version is no error", async () => {
    const { runner } = world(`+ "${FOO}"`);
    const { filesystems } = await listDatasets(runner, { roots: [FOO] });
    expect(filesystems.get(FOO)?.versions).toEqual([]);
  });

  test("has snapshots and bookmarks with their holds, and names with a leading blank", async () => {
    const { runner } = world(`
      + "${FOO}"
      + "${FOO}@ foo with leading whitespace"
      + "${FOO}@1"
      + "${FOO}#blup 1" "${FOO}@1"
      + "${FOO}@2"
      + "${FOO}@1" "one"
      + "${FOO}@2" "one"
      + "${FOO}@2" "two"
      + "${FOO}/child"
      + "${FOO}/child@1"`);
    const { filesystems } = await listDatasets(runner, { roots: [FOO], depth: 1 });
    const versions = filesystems.get(FOO)?.versions ?? [];
    expect(versions.map((version) => [relativeName(version), version.userrefs])).toEqual([
      ["@ foo with leading whitespace", 0],
      ["#blup 1", 0],
      ["@1", 1],
      ["@2", 2],
    ]);
  });

  test("has volumes, and children with blanks", async () => {
    const { runner } = world(`
      + "${FOO}/with blanks"
      + "${FOO}/vol" volsize=8M`);
    const { filesystems } = await listDatasets(runner, { roots: [] });
    expect(filesystems.get(`${FOO}/vol`)?.type).toBe("volume");
    expect([...filesystems.keys()]).toContain(`${FOO}/with blanks`);
  });
});

test("an interrupted receive tells its token, which says what it is of", async () => {
  const { lab, runner } = world(`
    + "${FOO}"
    > "${FOO}" 3M
    + "${FOO}@1"`);
  const send = ["zfs", "send", `${FOO}@1`];
  const { recv } = lab.sim.pipe(send, ["zfs", "recv", "-s", "dst/copy"], { cutAfterBytes: 1 << 20 });
  const { filesystems } = await listDatasets(runner, { roots: ["dst/copy"] });
  const token = filesystems.get("dst/copy")?.resumeToken ?? "";
  expect(recv.stderr).toContain(`zfs send -t ${token}`);
  expect(await decodeResumeToken(runner, token)).toMatchObject({
    toGuid: lab.snapshot(`${FOO}@1`).guid,
    fromGuid: undefined,
    toName: `${FOO}@1`,
    raw: false,
  });
});
