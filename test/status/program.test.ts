/** `status` as a user starts it, on the simulated ZFS. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventsOf } from "../report/event-schema.ts";
import { SimSite } from "./sim-site.ts";

const site = new SimSite();
beforeAll(async () => {
  await site.create();
  await site.shell(
    "for i in 1 2 3 4 5; do zfs create tank/$i; zfs write tank/$i 1000000; zfs snapshot tank/$i@a; done",
  );
  await site.shell(`node bin/zrepl-run.js -q push home`);
}, 60_000);
afterAll(() => site.remove());

const LISTING = /^zfs list -Hp -r /;

describe("processes", () => {
  test("everything replicated: the two listings and the holds, whatever the number of filesystems is", async () => {
    const { stderr, exitCode } = await site.run(["status", "home", "--log-level", "debug"]);
    expect(exitCode).toBe(0);
    const commands = SimSite.processes(stderr);
    expect(commands.filter((command) => LISTING.test(command))).toHaveLength(2);
    expect(commands.filter((command) => command.startsWith("zfs holds"))).toHaveLength(1);
    expect(commands.filter((command) => command.startsWith("zfs get"))).toHaveLength(1); // the placeholders
    expect(commands).toHaveLength(4);
  });

  test("something behind: one more, for all sizes", async () => {
    await site.shell("for i in 1 2 3; do zfs write tank/$i 500; zfs snapshot tank/$i@b; done");
    const { stderr, stdout } = await site.run(["status", "home", "--log-level", "debug"]);
    expect(SimSite.processes(stderr)).toHaveLength(5);
    expect(stdout).toMatch(/^tank\/1: behind;.* 1 snapshot, \w+, about 500 B behind/m);
  });
});

test("json: an event for each filesystem, then its job, and the end", async () => {
  const { stdout } = await site.run(["status", "--json"]);
  const events = eventsOf(stdout);
  expect(events.map((event) => ("job" in event ? `${event.event} ${event.job}` : event.event))).toEqual([
    "start",
    ...Array(5).fill("filesystemStatus home"),
    "jobStatus home",
    ...Array(5).fill("filesystemStatus vault"),
    "jobStatus vault",
    "end",
  ]);
  const first = events.find((event) => "filesystem" in event && event.filesystem === "tank/1");
  expect(first).toMatchObject({ health: "behind", lag: { snapshots: 1, bytes: 500 } });
  expect(events[6]).toMatchObject({ counts: { failed: 0, warning: 0, unknown: 0, behind: 3, ok: 2, total: 5 } });
});

test("a side that can't be seen: its own is shown, and the exit status tells", async () => {
  await site.shell("zpool destroy back");
  const { stdout, exitCode } = await site.run(["status", "home"]);
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/^problem: the receiver was not seen: pool "back" is not imported/m);
  expect(stdout).toMatch(/^tank\/1: unknown;.*replicated up to .*; 1 snapshot, \w+ behind; 2 snapshots on the sender/m);
  expect((await site.run(["status", "vault"])).exitCode).toBe(1);
  expect((await site.run(["status"])).exitCode).toBe(3);
});

test("usage", async () => {
  expect((await site.run(["status", "nobody"])).exitCode).toBe(2);
  site.configure({ filesystems: { "tank/none": true } });
  expect((await site.run(["status", "home"])).exitCode).toBe(1); // nothing matches, and the receiver is gone
});
