import { describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { type Ended, eventsOf, lines, property, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();

type Keys = Readonly<Record<string, unknown>>;

/** A snap job of everything at and below the sender's root. */
function snapJob(site: Site, snapshotting: Keys = {}, more: Keys = {}) {
  return {
    type: "snap",
    name: "local",
    filesystems: { [`${site.srcRoot}<`]: true },
    snapshotting: { type: "periodic", prefix: "z_", interval: "1h", timestamp_format: "unix-seconds", ...snapshotting },
    pruning: { keep: [{ type: "last_n", count: 100 }] },
    ...more,
  };
}

async function tree(snapshotting: Keys = {}, more: Keys = {}): Promise<Site> {
  const site = await newSite();
  for (const path of ["a", "a/b", "c"]) await zfs("create", site.fs(path));
  site.configure({ jobs: [snapJob(site, snapshotting, more)] });
  return site;
}

const taken = (site: Site, ended: Ended) =>
  eventsOf(ended, "snapshotTaken")
    .map(({ filesystem }) => filesystem.slice(site.srcRoot.length))
    .sort();

test("the whole tree is snapshotted in one txg, volumes too, placeholders not", async () => {
  const site = await tree();
  await zfs("create", "-V", "8M", site.fs("v"));
  await zfs("create", "-o", "zrepl:placeholder=on", site.fs("p"));
  await zfs("create", site.fs("p/child"));
  const ended = await site.succeed(["snap", "local"]);
  expect(taken(site, ended)).toEqual(["", "/a", "/a/b", "/c", "/p/child", "/v"]);
  const rows = lines(await zfs("list", "-Hp", "-r", "-t", "snapshot", "-o", "createtxg", site.srcRoot));
  expect([rows.length, new Set(rows).size]).toEqual([6, 1]);
});

test("one that can't be snapshotted does not cost the others theirs", async () => {
  const site = await tree();
  const long = `${"x".repeat(250 - site.srcRoot.length)}`;
  await zfs("create", site.fs(long));
  const ended = await site.run(["snap", "local"]);
  expect(ended.exitCode, ended.stderr).toBe(3);
  expect(taken(site, ended)).toEqual(["", "/a", "/a/b", "/c"]);
});

test("tags are properties of the snapshots", async () => {
  const site = await tree({ tags: { "com.example:by": "zrepl-run", "com.example:why": "a b" } });
  await site.succeed(["snap", "local"]);
  const [name] = await snapshotsOf(site.fs("a/b"));
  expect(await property(`${site.fs("a/b")}@${name}`, "com.example:why")).toBe("a b");
  expect(await property(site.fs("a/b"), "com.example:why")).toBe("-");
});

test("--if-due takes those whose time is over and those without any; skip_unchanged leaves out what had no writes", async () => {
  const site = await tree({ interval: "3s", skip_unchanged: true });
  expect(taken(site, await site.succeed(["snap", "--if-due", "--slack", "0s", "local"]))).toHaveLength(4);
  site.configure({ jobs: [snapJob(site, { interval: "1h", skip_unchanged: true })] });
  const early = await site.succeed(["snap", "--if-due", "local"]);
  expect(taken(site, early)).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  await site.write("a/b", "file", 4);
  const changed = await site.succeed(["snap", "local"]);
  expect(taken(site, changed)).toEqual(["/a/b"]);
  expect(eventsOf(changed, "log").filter(({ message }) => message.includes("nothing was written"))).toHaveLength(3);
});

test("of a round that is due, filesystems that had theirs are left out", async () => {
  const site = await tree({ interval: "4s" });
  await site.succeed(["snap", "local"]);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await zfs("snapshot", `${site.fs("c")}@z_by_hand`);
  await zfs("create", site.fs("new"));
  site.configure({ jobs: [snapJob(site, { interval: "4s" })] });
  const ended = await site.succeed(["snap", "--if-due", "--slack", "0s", "local"]);
  const names = taken(site, ended);
  expect(names).toEqual(expect.arrayContaining(["", "/a", "/a/b", "/new"]));
  if (ended.seconds < 3) expect(names).not.toContain("/c");
});

describe("selection", () => {
  test("by property, set or inherited, and by regex; `test filesystems` says why", async () => {
    const by = { property: "com.example:backup", values: ["yes"] };
    const site = await tree({}, { filesystems_by_property: by, filesystems_exclude: ["/b$"] });
    await zfs("set", "com.example:backup=yes", site.fs("a"));
    await zfs("create", site.fs("a/d"));
    await zfs("create", "-o", "com.example:backup=no", site.fs("a/e"));
    expect(taken(site, await site.succeed(["snap", "local"]))).toEqual(["/a", "/a/d"]);
    const shown = (await site.succeed(["test", "filesystems", "--job", "local", "--all"], { json: false })).stdout;
    const own = lines(shown).filter((line) => line.includes(`\t${site.srcRoot}`));
    expect(own.map((line) => line.replaceAll(site.srcRoot, "R"))).toEqual([
      "REJECT\tR\tfilesystems_by_property: com.example:backup is not set",
      'ACCEPT\tR/a\tfilesystems: "R<": true, filesystems_by_property: com.example:backup=yes',
      "REJECT\tR/a/b\tfilesystems_exclude: /b$",
      'ACCEPT\tR/a/d\tfilesystems: "R<": true, filesystems_by_property: com.example:backup=yes',
      "REJECT\tR/a/e\tfilesystems_by_property: com.example:backup=no",
      "REJECT\tR/c\tfilesystems_by_property: com.example:backup is not set",
    ]);
    const one = await site.succeed(["test", "filesystems", "local", "--input", site.fs("nothing/here")], {
      json: false,
    });
    expect(one.stdout).toBe(
      `REJECT\t${site.fs("nothing/here")}\tfilesystems_by_property: com.example:backup is not set\n`,
    );
  });

  test("test placeholder", async () => {
    const site = await tree();
    await zfs("set", "zrepl:placeholder=on", site.fs("a"));
    const { stdout } = await site.succeed(["test", "placeholder", "--all"], { json: false });
    expect(lines(stdout)).toEqual(
      expect.arrayContaining([
        "IS_PLACEHOLDER\tDATASET\tzrepl:placeholder",
        `yes\t${site.fs("a")}\ton`,
        `no\t${site.fs("a/b")}\t`,
      ]),
    );
    expect((await site.run(["test", "placeholder", "--dataset", site.fs("zz")], { json: false })).exitCode).toBe(1);
  });
});
