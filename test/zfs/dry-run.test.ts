import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, type Site, trackSites } from "./site.ts";

const newSite = trackSites();
let site: Site;
let before = "";

/** One filesystem of each kind that a plan can have. */
beforeAll(async () => {
  site = await newSite();
  const create = async (path: string) => {
    await zfs("create", site.fs(path));
    await zfs("snapshot", `${site.fs(path)}@1`);
  };
  for (const path of ["next", "cut off", "apart", "same"]) await create(path);
  await site.succeed(["push", PUSH_JOB]);
  for (const path of ["next", "cut off"]) await site.write(path, "file", 2048);
  for (const path of ["next", "cut off", "apart"]) await zfs("snapshot", `${site.fs(path)}@2`);
  await zfs("snapshot", `${site.fs("next")}@3`);
  await zfs("snapshot", `${site.replica("apart")}@own`);
  const cut = 'zfs send -i "$1@1" "$1@2" | head -c 1000000 | zfs recv -u -s "$2"';
  await execa("bash", ["-c", cut, "bash", site.fs("cut off"), site.replica("cut off")], { reject: false });
  await create("new");
  await site.write("new", "file", 1024);
  await zfs("snapshot", `${site.fs("new")}@2`);
  await zfs("create", site.fs("without"));
  const keep = [{ type: "last_n", count: 1 }];
  site.configure({
    push: {
      snapshotting: { type: "periodic", prefix: "z_", interval: "1h" },
      pruning: { keep_sender: keep, keep_receiver: keep },
    },
  });
  before = await site.everything();
});

test("push shows every step with its reason and estimated size, and what keeps it from being done", async () => {
  const ended = await site.run(["push", "--dry-run", PUSH_JOB], { json: false });
  expect(ended.exitCode, ended.stderr).toBe(3); // one is in conflict
  const fs = (path: string) => site.fs(path).replaceAll(".", "\\.");
  const { stdout } = ended;
  expect(stdout).toMatch(new RegExp(`^${fs("next")}: 2 steps$`, "m"));
  expect(stdout).toMatch(/^ {2}send @1 → @2 \(about 2\.\d MiB\): next after the newest common snapshot$/m);
  expect(stdout).toMatch(/^ {2}send @2 → @3 \(about \d+ B\)/m);
  expect(stdout).toMatch(
    new RegExp(`^${fs("new")}: 1 step\n {2}send full @2 \\(about 1\\.\\d MiB\\): not on the receiver yet$`, "m"),
  );
  expect(stdout).toMatch(
    new RegExp(
      `^${fs("cut off")}: 1 step\n {2}resume @1 → @2 \\(about 1\\.\\d MiB\\): the receiver has part of it$`,
      "m",
    ),
  );
  expect(stdout).toMatch(new RegExp(`^${fs("same")}: up to date at @1$`, "m"));
  expect(stdout).toMatch(new RegExp(`^${fs("without")}: nothing to do: no snapshots on the sender$`, "m"));
  expect(stdout).toMatch(
    new RegExp(`^${fs("apart")}: conflict: the receiver's latest snapshot is not present on sender:$`, "m"),
  );
  expect(stdout).toMatch(/^ {2}.*zfs rollback -r .*@1/m);
  expect(await site.everything()).toBe(before);
});

test("push --json has an event for every step and every conflict", async () => {
  const ended = await site.run(["push", "--dry-run", PUSH_JOB]);
  const steps = eventsOf(ended, "plannedStep").map(({ filesystem, kind, to, resumed, estimatedBytes }) => ({
    ...{ path: filesystem.slice(site.srcRoot.length + 1), kind, to, resumed },
    mib: Math.floor((estimatedBytes ?? Number.NaN) / (1 << 20)),
  }));
  expect(steps).toEqual([
    { path: "cut off", kind: "incremental", to: "@2", resumed: true, mib: 1 },
    { path: "new", kind: "full", to: "@2", resumed: false, mib: 1 },
    { path: "next", kind: "incremental", to: "@2", resumed: false, mib: 2 },
    { path: "next", kind: "incremental", to: "@3", resumed: false, mib: 0 },
  ]);
  expect(eventsOf(ended, "plannedConflict").map(({ filesystem }) => filesystem)).toEqual([site.fs("apart")]);
});

test("snap, prune and the whole run show their plans", async () => {
  const run = await site.run(["run", "--dry-run", PUSH_JOB]);
  const kinds = new Set(run.events.map(({ event }) => event));
  for (const kind of ["plannedSnapshot", "plannedStep", "plannedPrune"]) expect(kinds).toContain(kind);
  for (const kind of ["snapshotTaken", "stepStarted", "snapshotDestroyed"]) expect(kinds).not.toContain(kind);
  expect(eventsOf(await site.succeed(["snap", "-n", PUSH_JOB]), "plannedSnapshot")).toHaveLength(6);
  const pruned = eventsOf(await site.succeed(["prune", "-n", PUSH_JOB]), "plannedPrune");
  const destroyed = pruned.filter(({ action }) => action === "destroy");
  const paths = destroyed.map(
    ({ side, filesystem, name }) => `${side} ${filesystem.slice(site.srcRoot.length + 1)}@${name}`,
  );
  expect(paths).toEqual(["apart@1", "cut off@1", "new@1", "next@1", "next@2"].map((path) => `sender ${path}`));
  expect(await site.everything()).toBe(before);
});
