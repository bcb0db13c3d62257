import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Invocation } from "../../src/invocation.ts";
import { clientLockName } from "../../src/job-lock.ts";
import { lockOwner, withLock } from "../../src/lock.ts";
import { withClientLocks } from "../../src/prune/client-locks.ts";
import { prune } from "../../src/prune/run.ts";
import type { Event } from "../../src/report/events.ts";
import { load } from "../config/files.ts";
import { StreamRunner } from "../remote/stream-runner.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A sink with two clients that have two snapshots each, of which one is to go; bob pushes from this host. */
async function setup(more: Partial<Invocation> = {}) {
  const dir = mkdtempSync(join(tmpdir(), "zrepl-run-prune-"));
  dirs.push(dir);
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("dst");
  const clients = ["alice", "bob"].map((name) => `+ "dst/sink/${name}"\n+ "dst/sink/${name}/a"`).join("\n");
  play(sim, `+ "dst/sink"\n${clients}`);
  for (const snapshot of ["1", "2"]) {
    for (const client of ["alice", "bob"]) play(sim, `+ "dst/sink/${client}/a@${snapshot}"`);
    sim.nowSec += 60;
  }
  const config = await load(`
global: {lock_dir: ${dir}}
jobs:
  - type: sink
    name: sink
    root_fs: dst/sink
    serve: {type: local, listener_name: here}
    pruning: {keep: [{type: last_n, count: 1}]}
  - type: push
    name: push of bob
    connect: {type: local, listener_name: here, client_identity: bob}
    filesystems: {"src<": true}
    snapshotting: {type: manual}
    pruning: {keep_sender: [{type: last_n, count: 1}], keep_receiver: [{type: last_n, count: 1}]}`);
  const [job] = config.jobs;
  if (job?.type !== "sink") throw new Error("no sink");
  const controller = new AbortController();
  const events: Event[] = [];
  const invocation: Invocation = {
    config,
    runner: new StreamRunner(sim, controller.signal),
    reporter: { emit: (event) => events.push(event), progress: () => undefined, wantsText: false },
    dryRun: false,
    lockWaitSec: 0,
    interrupted: controller.signal,
    timeUp: controller.signal,
    abort: (error) => controller.abort(error),
    nowMs: () => sim.nowSec * 1000,
    command: "zrepl-run prune sink",
    ...more,
  };
  const left = () =>
    sim.exec(["zfs", "list", "-Ho", "name", "-t", "snapshot", "-r", "dst/sink"]).stdout.trim().split("\n");
  const held = (name: string) => lockOwner({ dir, name })?.command;
  const hold = <T>(name: string, body: () => Promise<T>) =>
    withLock({ dir, name, command: "other", waitSec: 0, signal: controller.signal, onLost: () => undefined }, body);
  return { job, invocation, events, left, held, hold };
}

const ALICE = clientLockName("sink", "alice");
const BOB = clientLockName("sink", "bob");

describe("pruning a sink", () => {
  test("holds the lock of every client, and lets go of them", async () => {
    const { job, invocation, held } = await setup();
    await withClientLocks(job, invocation, async (busy) => {
      expect(busy.size).toBe(0);
      expect([ALICE, BOB, "job-push of bob"].map(held)).toEqual(Array(3).fill("zrepl-run prune sink"));
    });
    expect([ALICE, BOB, "job-push of bob"].map(held)).toEqual(Array(3).fill(undefined));
  });

  test("leaves out a client that is being served, says so, and prunes the others", async () => {
    const { job, invocation, events, left, hold } = await setup();
    const results = await hold(ALICE, () => prune(job, {}, invocation));
    expect(results).toMatchObject([
      { matched: 2, done: 2, failed: 0 },
      { done: 0, failed: 1 },
    ]);
    expect(left()).toEqual(["dst/sink/alice/a@1", "dst/sink/alice/a@2", "dst/sink/bob/a@2"]);
    expect(events).toContainEqual(
      expect.objectContaining({
        event: "filesystemFailed",
        filesystem: "alice",
        message: expect.stringMatching(/^not pruned: "other" \(pid .* holds the lock/),
        hint: "wait for it with --lock-wait DURATION",
        temporary: true,
      }),
    );
    await prune(job, {}, invocation);
    expect(left()).toEqual(["dst/sink/alice/a@2", "dst/sink/bob/a@2"]);
  });

  test("leaves out a client that pushes from this host", async () => {
    const { job, invocation, left, hold } = await setup();
    await hold("job-push of bob", () => prune(job, {}, invocation));
    expect(left()).toEqual(["dst/sink/alice/a@2", "dst/sink/bob/a@1", "dst/sink/bob/a@2"]);
  });

  test("fails as locked where all clients are being served", async () => {
    const { job, invocation, left, hold } = await setup();
    await expect(hold(ALICE, () => hold(BOB, () => prune(job, {}, invocation)))).rejects.toMatchObject({
      exitCode: 75,
    });
    expect(left()).toHaveLength(4);
  });

  test("waits as long as asked, without keeping others out meanwhile", async () => {
    const { job, invocation, left, held, hold } = await setup({ lockWaitSec: 30 });
    let pruned: Promise<unknown> = Promise.resolve();
    await hold(ALICE, async () => {
      pruned = prune(job, {}, invocation);
      await delay(400);
      expect(held(BOB)).toBeUndefined();
      expect(left()).toHaveLength(4);
    });
    await pruned;
    expect(left()).toHaveLength(2);
  });

  test("takes no lock for a dry run", async () => {
    const { job, invocation, left, hold } = await setup({ dryRun: true });
    await hold(ALICE, () => prune(job, {}, invocation));
    expect(left()).toHaveLength(4);
  });
});
