/**
 * How many processes each kind of work may cost, as formulas in N, the number of filesystems. What they do is tested
 * elsewhere; pruning 10,000 snapshots of 100 filesystems is counted in prune-full.test.ts.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { newRecorder, type Recorder, total } from "./recorder.ts";
import { CLIENT, eventsOf, PUSH_JOB, type Site, snapshotsOf, trackSites } from "./site.ts";
import { program, trackSshHosts } from "./ssh-host.ts";

const newSite = trackSites(768);
const newHost = trackSshHosts();

interface Work {
  readonly calls: Readonly<Record<string, number>>;
  readonly steps: number;
}

/** Runs a command of the push job; what it cost. */
async function cost(site: Site, recorder: Recorder, ...args: readonly string[]): Promise<Work> {
  recorder.take();
  const ended = await site.succeed([...args, PUSH_JOB], { env: recorder.env });
  return { calls: recorder.take(), steps: eventsOf(ended, "stepDone").length };
}

describe("local replication with default guarantees", () => {
  let site: Site;
  let recorder: Recorder;
  let existing = 0;

  /** Makes new filesystems until there are N, each with so many snapshots, of which the newest goes to the receiver. */
  async function growTo(n: number, snapshots: number): Promise<void> {
    const names: string[] = [];
    for (; existing < n; existing++) names.push(site.fs(`fs${existing}`));
    for (const name of names) await zfs("create", "-o", "mountpoint=none", name);
    for (let i = 0; i < snapshots; i++) await zfs("snapshot", ...names.map((name) => `${name}@first${i}`));
    await site.succeed(["push", PUSH_JOB]);
  }

  beforeAll(async () => {
    // every further window costs a few processes more: on a slow machine they would be counted, too
    site = await newSite({ push: { replication: { bookkeeping: { max_delay: "10m" } } } });
    recorder = await newRecorder(site.dir);
  });

  test.each([
    [1, 1],
    [10, 50],
    [50, 1],
    [200, 50],
  ])(
    "nothing to do on %i filesystems, the last of them with %i snapshots: one listing of each side",
    async (n, snapshots) => {
      await growTo(n, snapshots);
      const { calls, steps } = await cost(site, recorder, "push");
      expect(steps).toBe(0);
      expect(calls).toEqual({ "zfs list": 2 });
      if (n > 50) return;
      // one new snapshot on each of them
      await zfs("snapshot", "-r", `${site.srcRoot}@new-of-${n}`);
      const incremental = await cost(site, recorder, "push");
      expect(incremental.steps).toBe(n);
      expect(total(incremental.calls), JSON.stringify(incremental.calls)).toBeLessThanOrEqual(3 * n + 12);
      const after = await cost(site, recorder, "push");
      expect(after.calls).toEqual({ "zfs list": 2 });
    },
  );
});

test("one new snapshot on each of 10 filesystems over ssh: at most 2 ssh, and 3 N + 12 on both hosts", async () => {
  const n = 10;
  const site = await newSite();
  const recorder = await newRecorder(site.dir);
  const path = recorder.env["PATH"];
  const command = `PATH='${path}' exec ${process.execPath} ${program} -c '${site.configFile}' stdinserver ${CLIENT}`;
  const host = await newHost(site.src.dir, [{ identity: CLIENT, config: site.configFile }], { command });
  const serve = { type: "stdinserver", client_identities: [CLIENT] };
  site.configure({ push: { connect: host.connect(CLIENT) }, sink: { serve } });
  for (let i = 0; i < n; i++) await zfs("create", "-o", "mountpoint=none", site.fs(`fs${i}`));
  for (const snapshot of ["one", "two"]) {
    await zfs("snapshot", "-r", `${site.srcRoot}@${snapshot}`);
    const { calls, steps } = await cost(site, recorder, "push");
    expect(steps).toBe(n);
    expect(total(calls, "ssh"), JSON.stringify(calls)).toBeLessThanOrEqual(2);
    if (snapshot === "two") expect(total(calls, "zfs", "zpool"), JSON.stringify(calls)).toBeLessThanOrEqual(3 * n + 12);
  }
  const idle = await cost(site, recorder, "push");
  expect(total(idle.calls, "ssh")).toBe(1);
  expect(total(idle.calls, "zfs", "zpool"), JSON.stringify(idle.calls)).toBeLessThanOrEqual(4);
});

test("run: its phases share what they list, until one of them changes something", async () => {
  const n = 10;
  const snapshotting = { type: "periodic", prefix: "auto_", interval: "1h" };
  const keep = [{ type: "last_n", count: 1 }];
  const site = await newSite({ push: { snapshotting, pruning: { keep_sender: keep, keep_receiver: keep } } });
  const recorder = await newRecorder(site.dir);
  for (let i = 0; i < n; i++) await zfs("create", "-o", "mountpoint=none", site.fs(`fs${i}`));
  const first = await cost(site, recorder, "run");
  expect(first.steps).toBe(n);
  const idle = await cost(site, recorder, "run");
  expect(idle.steps).toBe(0);
  expect(total(idle.calls), JSON.stringify(idle.calls)).toBeLessThanOrEqual(4);
  // what replication and pruning did on the disks is seen by the next phase
  await zfs("snapshot", "-r", `${site.srcRoot}@auto_later`);
  const busy = await cost(site, recorder, "run");
  expect(busy.steps).toBe(n);
  for (const filesystem of [site.fs("fs0"), site.replica("fs0")])
    expect(await snapshotsOf(filesystem)).toEqual(["auto_later"]);
  expect(total(busy.calls), JSON.stringify(busy.calls)).toBeLessThanOrEqual(3 * n + 19);
});
