import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import {
  bookmarksOf,
  type Changes,
  CLIENT,
  eventsOf,
  holdsBelow,
  PUSH_JOB,
  property,
  SINK_JOB,
  type Site,
  snapshotsOf,
  trackSites,
} from "./site.ts";

const newSite = trackSites();
const STEP = `zrepl_STEP_J_${PUSH_JOB}`;
const LAST_RECEIVED = `zrepl_last_received_J_${SINK_JOB}`;

async function createWithSnapshots(site: Site, path: string, ...snapshots: readonly string[]): Promise<void> {
  await zfs("create", "-p", site.fs(path));
  for (const name of snapshots) await zfs("snapshot", `${site.fs(path)}@${name}`);
}

async function hexGuid(dataset: string): Promise<string> {
  return BigInt(await property(dataset, "guid"))
    .toString(16)
    .padStart(16, "0");
}

test("filesystems land where they are mapped to, go on from there, and come back", async () => {
  const site = await newSite();
  const mapped = (path: string) => `${site.rootFs}/${CLIENT}/${path}`;
  site.configure({
    sink: {
      recv: {
        placeholder: { encryption: "inherit" },
        root_mapping: { [`${site.fs("db")}<`]: mapped("databases/here"), [site.fs("tmp")]: "!", "<": mapped("all") },
      },
    },
  });
  await createWithSnapshots(site, "db", "1");
  await createWithSnapshots(site, "db/pg", "1");
  await createWithSnapshots(site, "tmp", "1");
  await createWithSnapshots(site, "home", "1");
  await site.succeed(["push", PUSH_JOB]);
  for (const path of ["db", "db/pg", "home"]) await zfs("snapshot", `${site.fs(path)}@2`);
  const again = await site.succeed(["push", PUSH_JOB]);
  expect(eventsOf(again, "stepStarted").map(({ from }) => from)).toEqual(["@1", "@1", "@1"]);
  expect(await snapshotsOf(mapped("databases/here/pg"))).toEqual(["1", "2"]);
  expect(await snapshotsOf(mapped(`all/${site.fs("home")}`))).toEqual(["1", "2"]);
  expect((await site.run(["push", PUSH_JOB])).exitCode).toBe(0);
  expect((await site.run(["verify", PUSH_JOB, "--data"])).exitCode).toBe(0);
  await zfs("destroy", "-r", site.fs("db"));
  await site.succeed(["restore", PUSH_JOB, "--filesystem", site.fs("db"), "--recursive"]);
  await zfs("snapshot", `${site.fs("db/pg")}@3`);
  const after = await site.succeed(["push", PUSH_JOB]);
  expect(eventsOf(after, "stepStarted").map(({ filesystem, from }) => [filesystem, from])).toEqual([
    [site.fs("db/pg"), "@2"],
  ]);
});

test("two filesystems that would be in one place without their prefix are refused, the others go there", async () => {
  const site = await newSite();
  const components = site.srcRoot.split("/").length + 1;
  site.configure({ sink: { recv: { placeholder: { encryption: "inherit" }, strip_prefix: components } } });
  for (const path of ["x/same", "y/same", "y/own"]) await createWithSnapshots(site, path, "1");
  const ended = await site.run(["push", PUSH_JOB]);
  expect(ended.exitCode).toBe(3);
  const failed = eventsOf(ended, "filesystemFailed").map(({ filesystem }) => filesystem);
  expect(failed.sort()).toEqual(["x", "x/same", "y", "y/same"].map((path) => site.fs(path)));
  expect(await snapshotsOf(`${site.rootFs}/${CLIENT}/own`)).toEqual(["1"]);
  await zfs("snapshot", `${site.fs("y/own")}@2`);
  expect((await site.run(["push", PUSH_JOB])).exitCode).toBe(3);
  expect(await snapshotsOf(`${site.rootFs}/${CLIENT}/own`)).toEqual(["1", "2"]);
});

describe("the first replication", () => {
  test.each`
    policy           | exitCode | replicated
    ${"most_recent"} | ${0}     | ${["1"]}
    ${"all"}         | ${0}     | ${["3", "2", "1"]}
    ${"fail"}        | ${1}     | ${[]}
  `("with initial_replication: $policy brings $replicated of @3, @2, @1 in order of creation", async (row) => {
    const { policy, exitCode, replicated }: { policy: string; exitCode: number; replicated: string[] } = row;
    const site = await newSite({ push: { conflict_resolution: { initial_replication: policy } } });
    await createWithSnapshots(site, "data", "3", "2", "1");
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode, ended.stderr).toBe(exitCode);
    expect(eventsOf(ended, "stepDone").map(({ to }) => to.slice(1))).toEqual(replicated);
    if (exitCode === 0) expect(await snapshotsOf(site.replica("data"))).toEqual(replicated);
    else expect(ended.stderr).toContain("automatic conflict resolution for initial replication is disabled in config");
  });

  test("of a filesystem with bookmarks only is nothing to do", async () => {
    const site = await newSite();
    await createWithSnapshots(site, "data", "1");
    await zfs("bookmark", `${site.fs("data")}@1`, `${site.fs("data")}#1`);
    await zfs("destroy", `${site.fs("data")}@1`);
    expect(eventsOf(await site.succeed(["push", PUSH_JOB]), "stepStarted")).toEqual([]);
  });

  test("does not touch a filesystem of somebody else that has the replica's name", async () => {
    const site = await newSite();
    await createWithSnapshots(site, "data", "1");
    await zfs("create", "-p", site.replica("data"));
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toMatch(/the receiver's filesystem has no snapshots[\s\S]*zfs destroy/);
    expect(await snapshotsOf(site.replica("data"))).toEqual([]);
  });
});

describe("placeholders", () => {
  test("stand in for missing parents, and become the replica when the parent is replicated", async () => {
    const site = await newSite();
    await createWithSnapshots(site, "a/b b/c", "1");
    await zfs("snapshot", `${site.fs("a")}@1`);
    site.configure({ push: { filesystems: { [site.fs("a/b b/c")]: true } } });
    await site.succeed(["push", PUSH_JOB]);
    for (const path of ["a", "a/b b"]) {
      expect(await zfs("get", "-Hpo", "value,source", "zrepl:placeholder", site.replica(path))).toBe("on\tlocal");
      expect(await zfs("get", "-Hpo", "value,source", "mountpoint", site.replica(path))).toBe("none\tlocal");
    }
    const child = await property(`${site.replica("a/b b/c")}@1`, "guid");

    site.configure(); // everything: also `a`, and `a/b b`, which has no snapshot
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1"]);
    expect(await property(site.replica("a"), "zrepl:placeholder")).toBe("off");
    expect(await property(site.replica("a/b b"), "zrepl:placeholder")).toBe("on");
    expect(await property(`${site.replica("a/b b/c")}@1`, "guid")).toBe(child);

    await zfs("snapshot", `${site.fs("a")}@2`);
    await zfs("snapshot", `${site.fs("a/b b/c")}@2`);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    expect(await snapshotsOf(site.replica("a/b b/c"))).toEqual(["1", "2"]);
  });

  test("on the sender are replicated as placeholders only where children need them", async () => {
    const site = await newSite();
    await createWithSnapshots(site, "a/b", "1");
    await zfs("set", "zrepl:placeholder=on", site.fs("a"));
    await zfs("set", "zrepl:placeholder=off", site.fs("a/b"));
    await zfs("snapshot", `${site.fs("a")}@1`);
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(eventsOf(ended, "stepDone").map(({ filesystem }) => filesystem)).toEqual([site.fs("a/b")]);
    expect(await snapshotsOf(site.replica("a"))).toEqual([]);
  });

  test("are refused while their encryption is unspecified, except the client's own", async () => {
    const site = await newSite({ sink: { recv: {} } });
    await createWithSnapshots(site, "a", "1");
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    const missing = `${site.rootFs}/${CLIENT}/${site.src.name}`;
    expect(ended.stderr).toContain(
      `cannot create placeholder filesystem ${missing}: placeholder filesystem encryption handling is unspecified in receiver config`,
    );
    expect(ended.stderr).toContain("hint: set recv.placeholder.encryption to inherit or off");
    expect(await property(`${site.rootFs}/${CLIENT}`, "zrepl:placeholder")).toBe("on");
    await zfs("create", "-p", site.replica("a").slice(0, -2));
    await site.succeed(["push", PUSH_JOB]);
  });

  test.each`
    encryption   | placeholderEncrypted
    ${"inherit"} | ${true}
    ${"off"}     | ${false}
  `("below an encrypted root_fs with $encryption: encrypted is $placeholderEncrypted", async (row) => {
    const { encryption, placeholderEncrypted }: { encryption: string; placeholderEncrypted: boolean } = row;
    const site = await newSite({ sink: { recv: { placeholder: { encryption } } } });
    await createWithSnapshots(site, "a", "1");
    const keyFile = join(site.dir, "key");
    writeFileSync(keyFile, "k".repeat(32));
    await zfs("destroy", site.rootFs);
    const key = ["-o", "encryption=on", "-o", "keyformat=raw", "-o", `keylocation=file://${keyFile}`];
    await zfs("create", ...key, site.rootFs);
    await site.succeed(["push", PUSH_JOB]);
    const roots = ["get", "-Hpo", "value", "encryptionroot"];
    const expected = placeholderEncrypted ? site.rootFs : "-";
    expect(await zfs(...roots, `${site.rootFs}/${CLIENT}`)).toBe(expected);
    expect(await zfs(...roots, site.replica("a"))).toBe(expected);
  });
});

describe("properties of the replica", () => {
  test("follow recv.properties, for volumes too", async () => {
    const properties = { override: { canmount: "off", "user:origin": "from here" }, inherit: ["mountpoint"] };
    const site = await newSite({
      push: { send: { send_properties: true } },
      sink: { recv: { properties, placeholder: { encryption: "inherit" } } },
    });
    await createWithSnapshots(site, "data", "1");
    await zfs("set", "mountpoint=/nowhere", "user:mine=1", site.fs("data"));
    await zfs("create", "-V", "1M", site.fs("vol"));
    await zfs("snapshot", `${site.fs("vol")}@1`);
    await zfs("snapshot", `${site.fs("data")}@2`);
    await site.succeed(["push", PUSH_JOB]);
    const source = (name: string, path = "data") => zfs("get", "-Hpo", "value,source", name, site.replica(path));
    expect(await source("canmount")).toBe("off\tlocal");
    expect(await source("user:origin")).toBe("from here\tlocal");
    expect(await source("user:mine")).toBe("1\treceived");
    expect(await source("mountpoint")).toMatch(/\tinherited from /);
    expect(await source("user:origin", "vol")).toBe("from here\tlocal");
  });
});

/** What protects the steps while they run, and after. */
describe("holds and bookmarks", () => {
  const SLOW = { bandwidth_limit: { max: "100 KiB" } };
  const protection = (kind: string) => ({ protection: { initial: kind, incremental: kind } });

  /** @1 is replicated, @2 of 2 MiB is on its way, @3 waits; then that run is interrupted, and another one ends it. */
  async function inTheMiddle(replication: object, prepare?: (site: Site) => Promise<void>) {
    const site = await newSite({ push: { replication } });
    await createWithSnapshots(site, "data", "1");
    await site.succeed(["push", PUSH_JOB]);
    await prepare?.(site);
    await site.write("data", "file", 2048);
    for (const name of ["2", "3"]) await zfs("snapshot", `${site.fs("data")}@${name}`);
    const changes: Changes = { push: { replication, send: SLOW } };
    site.configure(changes);
    const running = site.start(["push", PUSH_JOB]);
    await running.event("stepStarted");
    await sleep(300);
    const held = await holdsBelow(site.fs("data"));
    const bookmarks = await bookmarksOf(site.fs("data"));
    const received = await holdsBelow(site.replica("data"));
    process.kill(running.pid, "SIGTERM");
    expect((await running.ended).exitCode).toBe(143);
    site.configure({ push: { replication } });
    await site.succeed(["push", PUSH_JOB]);
    const after = {
      held: await holdsBelow(site.fs("data")),
      bookmarks: await bookmarksOf(site.fs("data")),
      received: await holdsBelow(site.replica("data")),
    };
    return { site, held, bookmarks, received, after };
  }

  async function names(site: Site, prefix: string, ...snapshots: readonly string[]): Promise<string[]> {
    const guids = await Promise.all(snapshots.map((name) => hexGuid(`${site.replica("data")}@${name}`)));
    return guids.map((guid) => `${prefix}_G_${guid}_J_${PUSH_JOB}`).sort();
  }

  test("guarantee_resumability: step holds while it runs, then the cursor and the last-received hold", async () => {
    const { site, held, bookmarks, received, after } = await inTheMiddle(protection("guarantee_resumability"));
    expect(held).toEqual([`@1: ${STEP}`, `@2: ${STEP}`, `@3: ${STEP}`]);
    expect(bookmarks).toEqual(await names(site, "zrepl_CURSOR", "1"));
    expect(received).toEqual([`@1: ${LAST_RECEIVED}`]);
    expect(after).toEqual({
      held: [],
      bookmarks: await names(site, "zrepl_CURSOR", "3"),
      received: [`@3: ${LAST_RECEIVED}`],
    });
  });

  test("from the cursor when the common snapshot is gone: nothing is held on it", async () => {
    const { site, held, bookmarks, after } = await inTheMiddle(protection("guarantee_resumability"), async (site) => {
      await zfs("destroy", `${site.fs("data")}@1`);
    });
    expect(held).toEqual([`@2: ${STEP}`, `@3: ${STEP}`]);
    expect(bookmarks).toEqual(await names(site, "zrepl_CURSOR", "1"));
    expect(after.held).toEqual([]);
    expect(after.bookmarks).toEqual(await names(site, "zrepl_CURSOR", "3"));
  });

  test("guarantee_incremental: tentative cursors instead of holds", async () => {
    const { site, held, bookmarks, after } = await inTheMiddle(protection("guarantee_incremental"));
    expect(held).toEqual([]);
    const tentative = await names(site, "zrepl_CURSORTENTATIVE_", "1", "2", "3");
    expect(bookmarks.sort()).toEqual([...(await names(site, "zrepl_CURSOR", "1")), ...tentative].sort());
    expect(after).toEqual({
      held: [],
      bookmarks: await names(site, "zrepl_CURSOR", "3"),
      received: [`@3: ${LAST_RECEIVED}`],
    });
  });

  test("guarantee_nothing: none, and what earlier runs made is gone", async () => {
    const { held, after } = await inTheMiddle(protection("guarantee_nothing"));
    expect(held).toEqual([]);
    expect(after).toEqual({ held: [], bookmarks: [], received: [] });
  });

  test("of other jobs and of the user are left alone, stale ones of this job go", async () => {
    const site = await newSite();
    const fs = site.fs("data");
    await createWithSnapshots(site, "data", "1", "2", "3");
    await zfs("bookmark", `${fs}@2`, `${fs}#2`);
    await site.succeed(["push", PUSH_JOB]);
    const two = await hexGuid(`${fs}@2`);
    const foreign = [`zrepl_CURSOR_G_${two}_J_other job`, `zrepl_CURSORTENTATIVE__G_${two}_J_other job`];
    const tampered = `zrepl_CURSOR_G_00000000deadbeef_J_${PUSH_JOB}`;
    const stale = [`zrepl_CURSOR_G_${two}_J_${PUSH_JOB}`, `zrepl_CURSORTENTATIVE__G_${two}_J_${PUSH_JOB}`];
    for (const name of [...foreign, tampered, ...stale]) await zfs("bookmark", `${fs}@2`, `${fs}#${name}`);
    for (const tag of [STEP, "zrepl_STEP_J_other job", "mine"]) await zfs("hold", tag, `${fs}@1`);
    await zfs("hold", "zrepl_last_received_J_other job", `${site.replica("data")}@3`);
    await zfs("snapshot", `${fs}@4`);
    await site.succeed(["push", PUSH_JOB]);
    const cursor = `zrepl_CURSOR_G_${await hexGuid(`${fs}@4`)}_J_${PUSH_JOB}`;
    expect((await bookmarksOf(fs)).sort()).toEqual([...foreign, tampered, "2", cursor].sort());
    expect(await holdsBelow(fs)).toEqual(["@1: mine", "@1: zrepl_STEP_J_other job"]);
    expect(await holdsBelow(site.replica("data"))).toEqual([
      "@3: zrepl_last_received_J_other job",
      `@4: ${LAST_RECEIVED}`,
    ]);
  });

  test("that a run lost after the receive are healed by the next, with nothing to send", async () => {
    const site = await newSite();
    const fs = site.fs("data");
    await createWithSnapshots(site, "data", "1");
    await site.succeed(["push", PUSH_JOB]);
    const [cursor] = await bookmarksOf(fs);
    await zfs("destroy", `${fs}#${cursor}`);
    await zfs("hold", STEP, `${fs}@1`);
    await zfs("release", LAST_RECEIVED, `${site.replica("data")}@1`);
    expect(eventsOf(await site.succeed(["push", PUSH_JOB]), "stepStarted")).toEqual([]);
    expect(await bookmarksOf(fs)).toEqual([cursor]);
    expect(await holdsBelow(fs)).toEqual([]);
    expect(await holdsBelow(site.replica("data"))).toEqual([`@1: ${LAST_RECEIVED}`]);
  });
});

describe("a receiver that has diverged", () => {
  async function diverged(resolution: string): Promise<Site> {
    const site = await newSite();
    await createWithSnapshots(site, "data", "1");
    await site.succeed(["push", PUSH_JOB]);
    await zfs("snapshot", `${site.fs("data")}@2`);
    await zfs("snapshot", `${site.replica("data")}@own`);
    site.configure({ push: { conflict_resolution: { diverged: resolution } } });
    return site;
  }

  test("is rolled back where the config says so, unless a hold forbids it", async () => {
    const site = await diverged("rollback");
    await zfs("hold", "mine", `${site.replica("data")}@own`);
    expect((await site.run(["push", PUSH_JOB])).exitCode).toBe(1);
    expect(await snapshotsOf(site.replica("data"))).toEqual(["1", "own"]);
    await zfs("release", "mine", `${site.replica("data")}@own`);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("data"))).toEqual(["1", "2"]);
  });

  test("is renamed and sent again where the config says so", async () => {
    const site = await diverged("set_aside");
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("data"))).toEqual(["2"]);
    const all = await zfs("list", "-Hpo", "name", "-r", "-t", "snapshot", `${site.rootFs}/${CLIENT}`);
    expect(all).toMatch(/data\.diverged-\d{8}T\d{6}Z@own$/m);
  });
});
