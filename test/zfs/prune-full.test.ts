import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasOwnClock } from "./guest.ts";
import { zfs } from "./pool.ts";
import { CLIENT, type Ended, eventsOf, lines, PUSH_JOB, SINK_JOB, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();

/** A snap job of everything below `parent`, beside the push job. */
function snapJob(site: Site, pruning: Readonly<Record<string, unknown>>, parent = site.srcRoot) {
  const snapshotting = { type: "manual" };
  return { type: "snap", name: "local", filesystems: { [`${parent}<`]: true, [parent]: false }, snapshotting, pruning };
}

const last = (count: number) => [{ type: "last_n", count }];

/** The commands that an invocation ran, by their first words. */
function commands(ended: Ended): string[] {
  return eventsOf(ended, "log").flatMap(({ message }) => /^run ((?:zfs|zpool) \S+)/.exec(message)?.[1] ?? []);
}

async function takeSnapshots(site: Site, path: string, names: readonly string[]): Promise<void> {
  for (const name of names) await zfs("snapshot", `${site.fs(path)}@${name}`);
}

describe("10,000 snapshots over 100 filesystems", () => {
  let site: Site;
  const snapshots = async (count: number) => {
    for (let i = 0; i < count; i++) await zfs("snapshot", "-r", `${site.srcRoot}@zrepl_${String(i).padStart(3, "0")}`);
    await zfs("destroy", `${site.srcRoot}@%`);
  };

  beforeAll(async () => {
    site = await newSite();
    for (let i = 0; i < 100; i++) await zfs("create", "-o", "mountpoint=none", site.fs(`fs${i}`));
    site.configure({ jobs: [snapJob(site, { keep: last(1) })] });
  }, 300_000);

  afterAll(() => zfs("destroy", "-r", site.srcRoot));

  test("with channel programs: at most 10 processes in all", async () => {
    await snapshots(101);
    const ended = await site.succeed(["prune", "--log-level", "debug", "local"]);
    expect(eventsOf(ended, "snapshotDestroyed")).toHaveLength(10_000);
    expect(commands(ended)).toContain("zfs program");
    expect(commands(ended).length).toBeLessThanOrEqual(10);
    expect(await snapshotsOf(site.fs("fs99"))).toEqual(["zrepl_100"]);
    const again = await site.succeed(["prune", "local"]);
    expect(eventsOf(again, "snapshotDestroyed")).toEqual([]);
  });

  test("not as root: one destroying process per filesystem", async () => {
    await snapshots(10);
    const uid = 12_345;
    await zfs("allow", "-u", String(uid), "destroy,mount", site.srcRoot);
    chmodSync(site.src.dir, 0o755);
    chmodSync(site.dir, 0o777);
    rmSync(join(site.dir, "locks"), { recursive: true, force: true }); // root's
    const before = lines(await zfs("list", "-Hr", "-t", "snapshot", "-o", "name", site.srcRoot)).length;
    const ended = await site.run(["prune", "--log-level", "debug", "local"], {
      uid,
      env: { PATH: process.env["PATH"] ?? "", HOME: site.dir },
    });
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(eventsOf(ended, "snapshotDestroyed")).toHaveLength(before - 100);
    const ran = commands(ended);
    expect(ran.filter((command) => command === "zfs destroy")).toHaveLength(100);
    expect(ran.length).toBeLessThanOrEqual(105);
  });
});

describe.each([1, 2])("what is in the way, with %i filesystems to prune", (filesystems) => {
  /** Snapshots 1 to 6 of `a` (and of `b`), of which the last is to be kept. */
  async function site(): Promise<Site> {
    const one = await newSite();
    for (const path of ["a", "b"].slice(0, filesystems)) {
      await zfs("create", one.fs(path));
      await takeSnapshots(one, path, ["1", "2", "3", "4", "5", "6"]);
    }
    one.configure({ jobs: [snapJob(one, { keep: last(1) })] });
    return one;
  }

  test("held snapshots are kept and reported with the tag", async () => {
    const one = await site();
    await zfs("hold", "my tag", `${one.fs("a")}@2`);
    const ended = await one.succeed(["prune", "local"]);
    expect(await snapshotsOf(one.fs("a"))).toEqual(["2", "6"]);
    expect(eventsOf(ended, "snapshotKept")).toMatchObject([
      { filesystem: one.fs("a"), name: "2", reason: "held by my tag; no rule keeps it" },
    ]);
    await zfs("release", "my tag", `${one.fs("a")}@2`);
  });

  test("cloned snapshots are kept and reported", async () => {
    const one = await site();
    await zfs("clone", `${one.fs("a")}@2`, `${one.srcRoot}/clone`);
    const ended = await one.succeed(["prune", "local"]);
    expect(await snapshotsOf(one.fs("a"))).toEqual(["2", "6"]);
    const [kept, ...others] = eventsOf(ended, "snapshotKept");
    expect(kept).toMatchObject({ filesystem: one.fs("a"), name: "2" });
    expect(kept?.reason).toContain("clone");
    expect(others).toEqual([]);
  });

  /** A `zfs` that first does something else before the first destroying command. */
  function meddler(one: Site, script: string): Record<string, string> {
    const bin = join(one.dir, "bin");
    mkdirSync(bin);
    const path = join(bin, "zfs");
    const once = join(one.dir, "meddled");
    const body = `#!/bin/sh
PATH="\${PATH#*:}"
case "$1" in program|destroy) if mkdir "${once}" 2>/dev/null; then ${script}; fi;; esac
exec zfs "$@"
`;
    writeFileSync(path, body);
    chmodSync(path, 0o755);
    return { PATH: `${bin}:${process.env["PATH"]}` };
  }

  test("snapshots that vanish between plan and destroy count as done", async () => {
    const one = await site();
    const env = meddler(one, `zfs destroy '${one.fs("a")}@2'; zfs destroy '${one.fs("a")}@5'`);
    await one.succeed(["prune", "local"], { env });
    expect(await snapshotsOf(one.fs("a"))).toEqual(["6"]);
  });

  test("snapshots that are held between plan and destroy are kept, and the tag is told", async () => {
    const one = await site();
    const env = meddler(one, `zfs hold late '${one.fs("a")}@3'`);
    const ended = await one.succeed(["prune", "local"], { env });
    expect(await snapshotsOf(one.fs("a"))).toEqual(["3", "6"]);
    expect(eventsOf(ended, "snapshotKept")).toMatchObject([{ name: "3", reason: "held by late" }]);
    await zfs("release", "late", `${one.fs("a")}@3`);
  });

  test.runIf(filesystems > 1)(
    "a snapshot that takes another's name between plan and destroy is not destroyed",
    async () => {
      const one = await site();
      const env = meddler(one, `zfs destroy '${one.fs("a")}@3'; zfs snapshot '${one.fs("a")}@3'`);
      const ended = await one.succeed(["prune", "local"], { env });
      expect(await snapshotsOf(one.fs("a"))).toEqual(["6", "3"]);
      expect(eventsOf(ended, "snapshotKept")).toMatchObject([
        { name: "3", reason: "another snapshot has this name now" },
      ]);
    },
  );
});

describe("safety", () => {
  async function threeSnapshots(pruning: Readonly<Record<string, unknown>>): Promise<Site> {
    const site = await newSite();
    await zfs("create", site.fs("a"));
    await takeSnapshots(site, "a", ["1", "2", "3"]);
    site.configure({ jobs: [snapJob(site, pruning)] });
    return site;
  }
  const matchingNothing = [{ type: "grid", grid: "10x1h", regex: "^typo_" }];

  test("a filesystem of which the rules keep nothing is left alone: exit 3, unless it is allowed", async () => {
    const site = await threeSnapshots({ keep: matchingNothing });
    const ended = await site.run(["prune", "local"]);
    expect(ended.exitCode).toBe(3);
    expect(eventsOf(ended, "filesystemFailed")).toMatchObject([
      { filesystem: site.fs("a"), message: expect.stringContaining("the rules keep none of its 3 snapshots") },
    ]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["1", "2", "3"]);
    expect((await site.run(["prune", "--dry-run", "local"])).exitCode).toBe(3);
    await site.succeed(["prune", "--allow-empty", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual([]);
  });

  test("pruning.allow_empty allows it in the config", async () => {
    const site = await threeSnapshots({ keep: matchingNothing, allow_empty: true });
    await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual([]);
  });

  test("more than max_destroy: exit 1 with the list, and nothing is destroyed", async () => {
    const site = await threeSnapshots({ keep: last(1), max_destroy: "60%" });
    const before = await site.everything();
    const ended = await site.run(["prune", "local"]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`2 of 3 snapshots on local would be destroyed, max_destroy is 60%; nothing was:`);
    expect(ended.stderr).toContain(`  local: ${site.fs("a")}@1\n  local: ${site.fs("a")}@2\n`);
    expect(await site.everything()).toBe(before);
    expect((await site.run(["prune", "--max-destroy", "1", "local"])).exitCode).toBe(1);
    await site.succeed(["prune", "--max-destroy", "2", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["3"]);
  });

  test("max_age and min_age", async () => {
    const site = await threeSnapshots({ keep: [{ type: "regex", regex: ".*" }], max_age: "1s" });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["3"]);
    await takeSnapshots(site, "a", ["4"]);
    site.configure({ jobs: [snapJob(site, { keep: last(1), min_age: "1h" })] });
    await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["3", "4"]);
  });
});

describe("both sides", () => {
  const keepAll = [{ type: "regex", regex: ".*" }];

  /** Snapshots 1 and 2 of a and b on both sides. */
  async function replicated(pruning: Readonly<Record<string, unknown>>): Promise<Site> {
    const site = await newSite();
    for (const path of ["a", "b"]) await zfs("create", site.fs(path));
    const conflict_resolution = { initial_replication: "all" };
    site.configure({
      push: { pruning: { keep_sender: keepAll, keep_receiver: keepAll, ...pruning }, conflict_resolution },
    });
    for (const path of ["a", "b"]) await takeSnapshots(site, path, ["1", "2"]);
    await site.succeed(["push", PUSH_JOB]);
    return site;
  }

  test("copies of a filesystem that is gone are kept, or pruned where that is asked for", async () => {
    const site = await replicated({ keep_receiver: last(1), vanished: "keep" });
    await zfs("destroy", "-r", site.fs("b"));
    await site.succeed(["prune", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["2"]);
    expect(await snapshotsOf(site.replica("b"))).toEqual(["1", "2"]);
    site.configure({ push: { pruning: { keep_sender: keepAll, keep_receiver: last(1), vanished: "prune" } } });
    await site.succeed(["prune", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("b"))).toEqual(["2"]);
  });

  test("an empty sender never leads to destroying", async () => {
    const site = await replicated({ keep_receiver: last(1), vanished: "prune" });
    for (const path of ["a", "b"]) await zfs("destroy", "-r", site.fs(path));
    await site.run(["prune", PUSH_JOB]);
    for (const path of ["a", "b"]) expect(await snapshotsOf(site.replica(path))).toEqual(["1", "2"]);
  });

  test("the last base stays: on the sender without its cursor, on the receiver without its hold", async () => {
    const site = await replicated({});
    for (const path of ["a", "b"]) await takeSnapshots(site, path, ["3"]);
    site.configure({ push: { pruning: { keep_sender: last(1), keep_receiver: [{ type: "regex", regex: "^1$" }] } } });
    for (const bookmark of lines(await zfs("list", "-Hr", "-t", "bookmark", "-o", "name", site.fs("a"))))
      await zfs("destroy", bookmark);
    await zfs("release", `zrepl_last_received_J_${SINK_JOB}`, `${site.replica("a")}@2`);
    await site.succeed(["prune", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["2", "3"]);
    // the cursor keeps b's base, as under zrepl
    expect(await snapshotsOf(site.fs("b"))).toEqual(["3"]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2", "3"]);
  });

  test("a sink prunes what it received by itself, and keeps the newest", async () => {
    const site = await replicated({});
    const pruning = { keep: [{ type: "regex", regex: "^1$", negate: true }], max_age: "1000w" };
    site.configure({ sink: { pruning } });
    const ended = await site.succeed(["prune", SINK_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["2"]);
    expect(eventsOf(ended, "snapshotDestroyed")).toMatchObject([
      { side: "receiver", filesystem: `${CLIENT}/${site.fs("a")}`, name: "1" },
      { side: "receiver", filesystem: `${CLIENT}/${site.fs("b")}`, name: "1" },
    ]);
    site.configure();
    expect((await site.run(["prune", SINK_JOB])).exitCode).toBe(2);
  });
});

describe("explaining", () => {
  test("a dry run shows timeline, grid, reasons and the space, and changes nothing", async () => {
    const site = await newSite();
    await zfs("create", site.fs("a"));
    for (const name of ["z_1", "z_2", "z_3"]) {
      await site.write("a", `file`, 512);
      await zfs("snapshot", `${site.fs("a")}@${name}`);
      await sleep(1100); // of snapshots of the same second a grid keeps another one than the oldest
    }
    const grid = { type: "grid", grid: "1x1h(keep=1)", regex: "^z_" };
    site.configure({ jobs: [snapJob(site, { keep: [grid] })] });
    const before = await site.everything();
    const text = (await site.succeed(["prune", "--dry-run", "local"], { json: false })).stdout;
    expect(text).toMatch(/destroy 2, keep 1; would free [\d.]+ [KM]iB/);
    expect(text).toMatch(/oldest \|.*\| newest/);
    expect(text).toMatch(/0–1h {3}keep=1 {3}\S{3}/);
    expect(text).toMatch(/keep {4}@z_1 .*grid: bucket 1 of 1/);
    expect(text).not.toContain("\u001b[");
    const { events } = await site.succeed(["prune", "--dry-run", "local"]);
    expect(events.filter(({ event }) => event === "plannedPrune")).toHaveLength(3);
    expect(events.find(({ event }) => event === "plannedPruneFilesystem")).toMatchObject({
      filesystem: site.fs("a"),
      destroy: 2,
      keep: 1,
      held: 0,
      reclaimBytes: expect.any(Number),
    });
    expect(await site.everything()).toBe(before);
  });
});

test.runIf(hasOwnClock())(
  "a clock that was set back and forth: rules go by creation as under zrepl, and pruning twice destroys nothing more",
  async () => {
    const site = await newSite();
    await zfs("create", site.fs("a"));
    site.configure({ jobs: [snapJob(site, { keep: last(2) })] });
    await zfs("snapshot", `${site.fs("a")}@now`);
    const { execa } = await import("execa");
    const nowSec = Math.floor(Date.now() / 1000);
    await execa("date", ["-s", `@${nowSec + 86_400}`]);
    await zfs("snapshot", `${site.fs("a")}@tomorrow`);
    await execa("date", ["-s", `@${nowSec - 86_400}`]);
    await zfs("snapshot", `${site.fs("a")}@yesterday`);
    await execa("date", ["-s", `@${nowSec}`]);
    // last_n goes by creation, as in zrepl; the newest by createtxg is what an incremental would start from
    await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["now", "tomorrow"]);
    await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("a"))).toEqual(["now", "tomorrow"]);
  },
);
