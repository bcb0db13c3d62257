import { beforeAll, describe, expect, test } from "vitest";
import { mayChangeClock, snapshotAt } from "./clock.ts";
import { zfs } from "./pool.ts";
import { bookmarksOf, eventsOf, holdsBelow, PUSH_JOB, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();
let site: Site;
const NOW_SEC = 1_700_000_000;
const MANUAL = { initial_replication: "all" };

interface Aged {
  readonly name: string;
  readonly ageMin: number;
}

/** zrepl's documentation: a is the youngest, z and A to D the oldest (zrepl-behaviour.md §5.3). */
const DOCUMENTED: Aged[] = [..."abcdefghijklmnopqrstuvwxyzABCD"].map((letter, i) => ({
  name: `hourly_${letter}`,
  // every 20 minutes for 3 hours, then every 18
  ageMin: i < 9 ? i * 20 : i < 16 ? 180 + (i - 9) * 18 : 300 + (i - 16) * 18,
}));
const DOCUMENTED_GRID = { type: "grid", grid: "1x1h(keep=all) | 2x2h | 1x3h", regex: "^hourly_" };
const DOCUMENTED_KEPT = ["z", "p", "i", "c", "b", "a"].map((letter) => `hourly_${letter}`);

/** The second worked example; edges of buckets and several kept in one. */
const NUMBERS: Aged[] = [0, 6, 8, 9, 11, 19, 25, 26, 30, 75, 90, 91, 120].map((ageMin) => ({
  name: `age_${ageMin}`,
  ageMin,
}));
const NUMBERS_GRID = { type: "grid", grid: "1x10m(keep=all) | 1x10m | 1x10m(keep=2) | 1x1h", regex: "^age_" };
const NUMBERS_KEPT = [75, 26, 25, 19, 9, 8, 6, 0].map((age) => `age_${age}`);

async function createAged(path: string, snapshots: readonly Aged[]): Promise<void> {
  await zfs("create", site.fs(path));
  const oldestFirst = [...snapshots].sort((a, b) => b.ageMin - a.ageMin);
  await snapshotAt(oldestFirst.map(({ name, ageMin }) => [`${site.fs(path)}@${name}`, NOW_SEC - ageMin * 60]));
}

describe.skipIf(!mayChangeClock())("the worked examples of zrepl's grid, on both sides", () => {
  const rules = [DOCUMENTED_GRID, NUMBERS_GRID];

  beforeAll(async () => {
    const pruning = { keep_sender: rules, keep_receiver: rules };
    const replication = { bundle: true };
    site = await newSite({ push: { pruning, replication, conflict_resolution: MANUAL } });
    await createAged("doc umented", DOCUMENTED);
    await createAged("numbers", NUMBERS);
    await site.succeed(["push", PUSH_JOB]);
    for (const path of ["doc umented", "numbers"])
      expect(await snapshotsOf(site.replica(path))).toEqual(await snapshotsOf(site.fs(path)));
  });

  test("a dry run says what would go and what stays, and why, and changes nothing", async () => {
    const before = await site.everything();
    const { stdout } = await site.succeed(["prune", "--dry-run", PUSH_JOB], { json: false });
    for (const side of ["sender", "receiver"]) {
      expect(stdout).toContain(`${side}: ${site.fs("doc umented")}: destroy 24, keep 6`);
      expect(stdout).toContain(`${side}: ${site.fs("numbers")}: destroy 5, keep 8`);
      expect(stdout).toMatch(new RegExp(`^${side}: +destroy +@hourly_d .*no rule keeps it`, "m"));
      expect(stdout).toMatch(new RegExp(`^${side}: +keep +@hourly_z .*grid: bucket 4 of 4`, "m"));
    }
    const planned = eventsOf(await site.succeed(["prune", "--dry-run", PUSH_JOB]), "plannedPrune");
    const destroyed = planned.filter(({ side, action }) => side === "sender" && action === "destroy");
    expect(destroyed).toHaveLength(DOCUMENTED.length - DOCUMENTED_KEPT.length + NUMBERS.length - NUMBERS_KEPT.length);
    expect(await site.everything()).toBe(before);
  });

  test("one side alone can be pruned", async () => {
    const before = await snapshotsOf(site.replica("numbers"));
    await site.succeed(["prune", "--side", "sender", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("doc umented"))).toEqual(DOCUMENTED_KEPT);
    expect(await snapshotsOf(site.fs("numbers"))).toEqual(NUMBERS_KEPT);
    expect(await snapshotsOf(site.replica("numbers"))).toEqual(before);
  });

  test("the other side keeps the same, and pruning again destroys nothing", async () => {
    const ended = await site.succeed(["prune", PUSH_JOB]);
    expect(new Set(eventsOf(ended, "snapshotDestroyed").map(({ side }) => side))).toEqual(new Set(["receiver"]));
    expect(await snapshotsOf(site.replica("doc umented"))).toEqual(DOCUMENTED_KEPT);
    expect(await snapshotsOf(site.replica("numbers"))).toEqual(NUMBERS_KEPT);
    expect(eventsOf(await site.succeed(["prune", PUSH_JOB]), "snapshotDestroyed")).toEqual([]);
  });
});

describe("what is in use, not replicated, or the base of the next increment", () => {
  const pruning = (keep: readonly object[]) => ({
    pruning: { keep_sender: keep, keep_receiver: keep, allow_empty: true },
  });
  const NOTHING = { type: "regex", regex: "^no such name$" };

  beforeAll(async () => {
    site = await newSite({ push: { conflict_resolution: MANUAL, replication: { bundle: true } } });
    for (const path of ["a a", "b"]) {
      await zfs("create", site.fs(path));
      for (const name of ["1", "2", "3", "4", "5"]) await zfs("snapshot", `${site.fs(path)}@${name}`);
    }
    await site.succeed(["push", PUSH_JOB]);
    await zfs("create", `${site.rootFs}/client/foreign`);
    await zfs("snapshot", `${site.rootFs}/client/foreign@1`);
  });

  test("held and cloned snapshots are kept and reported, the others go, exit 0", async () => {
    await zfs("hold", "my tag", `${site.fs("a a")}@1`);
    await zfs("clone", `${site.fs("a a")}@2`, `${site.srcRoot}/clone of 2`);
    await zfs("hold", "my tag", `${site.replica("b")}@3`);
    site.configure({
      push: {
        ...pruning([{ type: "last_n", count: 1 }]),
        filesystems: { [`${site.srcRoot}<`]: true, [site.srcRoot]: false, [`${site.srcRoot}/clone of 2`]: false },
      },
    });
    const ended = await site.succeed(["prune", PUSH_JOB]);
    const kept = eventsOf(ended, "snapshotKept").map(({ side, filesystem, name }) => `${side} ${filesystem}@${name}`);
    expect(kept.sort()).toEqual([
      `receiver ${site.fs("b")}@3`,
      `sender ${site.fs("a a")}@1`,
      `sender ${site.fs("a a")}@2`,
    ]);
    expect(await snapshotsOf(site.fs("a a"))).toEqual(["1", "2", "5"]);
    expect(await snapshotsOf(site.fs("b"))).toEqual(["5"]);
    expect(await snapshotsOf(site.replica("a a"))).toEqual(["5"]);
    expect(await snapshotsOf(site.replica("b"))).toEqual(["3", "5"]);
    expect(ended.stderr).toMatch(/kept .*@1 on sender: .*held by my tag/);
    expect(ended.stderr).toMatch(/kept .*@2 on sender: .*dependent clones/);
    await zfs("destroy", `${site.srcRoot}/clone of 2`);
  });

  test("replicas that the sender does not have are never pruned", async () => {
    expect(await snapshotsOf(`${site.rootFs}/client/foreign`)).toEqual(["1"]);
  });

  test("not_replicated keeps what is newer than the cursor, and what is at it", async () => {
    for (const name of ["6", "7"]) await zfs("snapshot", `${site.fs("b")}@${name}`);
    site.configure({ push: pruning([{ type: "not_replicated" }]) });
    await site.succeed(["prune", "--side", "sender", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("b"))).toEqual(["5", "6", "7"]);
    await site.succeed(["push", PUSH_JOB]);
    site.configure({
      push: {
        pruning: {
          keep_sender: [{ type: "not_replicated", keep_snapshot_at_cursor: false }],
          keep_receiver: [NOTHING],
          allow_empty: true,
        },
      },
    });
    await zfs("snapshot", `${site.fs("b")}@8`);
    await site.succeed(["prune", "--side", "sender", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("b"))).toEqual(["8"]);
  });

  test("however few the rules keep, the next increment stays possible", async () => {
    site.configure({ push: pruning([NOTHING]) });
    const before = await holdsBelow(site.replica("b"));
    await site.succeed(["prune", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("b"))).toEqual([]); // its cursor is the base
    expect(await bookmarksOf(site.fs("b"))).toHaveLength(1);
    expect(await snapshotsOf(site.replica("b"))).toEqual(["3", "7"]);
    expect(await holdsBelow(site.replica("b"))).toEqual(before);
    await zfs("snapshot", `${site.fs("b")}@9`);
    const steps = eventsOf(await site.succeed(["push", PUSH_JOB]), "stepDone");
    expect(steps).toMatchObject([{ kind: "incremental", from: expect.stringMatching(/^#zrepl_CURSOR_/), to: "@9" }]);
  });

  test("without a cursor, the newest common snapshot stays on the sender", async () => {
    site.configure({
      push: {
        ...pruning([NOTHING]),
        replication: { protection: { initial: "guarantee_nothing", incremental: "guarantee_nothing" } },
      },
    });
    await zfs("snapshot", `${site.fs("b")}@10`);
    await site.succeed(["push", PUSH_JOB]);
    expect(await bookmarksOf(site.fs("b"))).toEqual([]);
    expect(await holdsBelow(site.replica("b"))).toEqual(["@3: my tag"]);
    await zfs("snapshot", `${site.fs("b")}@11`);
    await site.succeed(["prune", PUSH_JOB]);
    expect(await snapshotsOf(site.fs("b"))).toEqual(["10"]);
    expect(await snapshotsOf(site.replica("b"))).toEqual(["3", "10"]);
  });

  test("a snap job prunes by its own rules, and a filesystem without snapshots is no error", async () => {
    await zfs("create", site.fs("empty"));
    const keep = [{ type: "last_n", count: 1 }];
    const local = { type: "snap", name: "local", filesystems: { [`${site.srcRoot}<`]: true } };
    site.configure({ jobs: [{ ...local, snapshotting: { type: "manual" }, pruning: { keep } }] });
    for (const name of ["20", "21"]) await zfs("snapshot", `${site.fs("b")}@${name}`);
    const ended = await site.succeed(["prune", "local"]);
    expect(await snapshotsOf(site.fs("b"))).toEqual(["21"]);
    expect(eventsOf(ended, "filesystemFailed")).toEqual([]);
  });
});
