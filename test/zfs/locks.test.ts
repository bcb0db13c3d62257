import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, type Running, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();
const SNAPSHOTTING = { type: "periodic", prefix: "z_", interval: "1h" };
let site: Site;

/** A first push that takes a minute, if it is let. */
beforeEach(async () => {
  site = await newSite();
  await zfs("create", site.fs("data"));
  await site.write("data", "file", 6 * 1024);
  await zfs("snapshot", `${site.fs("data")}@1`);
});

async function startPush(): Promise<Running> {
  site.configure({ push: { send: { bandwidth_limit: { max: "100 KiB" } }, snapshotting: SNAPSHOTTING } });
  const running = site.start(["push", PUSH_JOB]);
  await running.event("stepStarted");
  site.configure({ push: { snapshotting: SNAPSHOTTING } }); // for those to come
  return running;
}

async function stop(running: Running): Promise<void> {
  process.kill(running.pid, "SIGTERM");
  expect((await running.ended).exitCode).toBe(143);
}

describe("while a job replicates", () => {
  test.each(["push", "prune", "run"])(
    "%s of it exits 75, says who holds the lock, and changes nothing",
    async (verb) => {
      const running = await startPush();
      const second = await site.run([verb, PUSH_JOB]);
      expect(second.exitCode, second.stderr).toBe(75);
      expect(second.stderr).toContain(`pid ${running.pid} `);
      expect(second.stderr).toContain(`"zrepl-run --config `);
      expect(second.stderr).toContain("hint: wait for it with --lock-wait DURATION");
      expect(second.events).toMatchObject([{ event: "end", exitCode: 75 }]);
      await stop(running);
      expect(await snapshotsOf(site.fs("data"))).toEqual(["1"]);
    },
  );

  test("--lock-wait waits so long, and no longer", async () => {
    const running = await startPush();
    const impatient = await site.run(["push", "--lock-wait", "1s", PUSH_JOB]);
    expect(impatient.exitCode).toBe(75);
    expect(impatient.seconds).toBeGreaterThan(1);
    const patient = site.start(["push", "--lock-wait", "1m", PUSH_JOB]);
    await expect(Promise.race([patient.ended, sleep(1000)])).resolves.toBeUndefined();
    await stop(running);
    const ended = await patient.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await snapshotsOf(site.replica("data"))).toEqual(["1"]);
  });

  test("snapshots can be taken, and a dry run shows its plan", async () => {
    const running = await startPush();
    expect(eventsOf(await site.succeed(["snap", PUSH_JOB]), "snapshotTaken")).toHaveLength(1);
    const shown = await site.succeed(["prune", "--dry-run", PUSH_JOB]);
    expect(eventsOf(shown, "plannedPrune").length).toBeGreaterThan(0);
    await stop(running);
  });
});

test("after kill -9, the next run waits for nobody", async () => {
  const running = await startPush();
  process.kill(-running.pid, "SIGKILL");
  await running.ended;
  expect(readdirSync(join(site.dir, "locks"))).toEqual([`job-${PUSH_JOB.replace(" ", "_")}.lock`]);
  await expect.poll(() => site.zfsProcesses(), { timeout: 10_000 }).toEqual([]);
  await site.succeed(["push", PUSH_JOB]); // without --lock-wait, only a lock that is taken over lets it in
  expect(await snapshotsOf(site.replica("data"))).toEqual(["1"]);
  expect(readdirSync(join(site.dir, "locks"))).toEqual([]);
});
