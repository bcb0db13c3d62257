import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, type Running, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();
const SNAPSHOTTING = { type: "periodic", prefix: "z_", interval: "1h" };
let site: Site;

async function createSite(): Promise<void> {
  site = await newSite();
  await zfs("create", site.fs("data"));
  await site.write("data", "file", 6 * 1024);
  await zfs("snapshot", `${site.fs("data")}@1`);
}

/** A first push that takes a minute, if it is let. */
async function startPush(): Promise<Running> {
  site.configure({ push: { send: { bandwidth_limit: { max: "100 KiB" } }, snapshotting: SNAPSHOTTING } });
  const running = site.start(["push", PUSH_JOB]);
  await running.event("stepStarted");
  site.configure({ push: { snapshotting: SNAPSHOTTING } }); // for those to come
  return running;
}

/** Whether it runs on, for half a second at least. */
async function goesOn(running: Running): Promise<boolean> {
  return Promise.race([running.ended.then(() => false), sleep(500, true)]);
}

describe("while a job replicates", () => {
  let running: Running;
  beforeAll(async () => {
    await createSite();
    running = await startPush();
  });

  test.each(["push", "prune", "run"])(
    "%s of it exits 75, says who holds the lock, and changes nothing",
    async (verb) => {
      const second = await site.run([verb, PUSH_JOB]);
      expect(second.exitCode, second.stderr).toBe(75);
      expect(second.stderr).toContain(`pid ${running.pid} `);
      expect(second.stderr).toContain(`"zrepl-run --config `);
      expect(second.stderr).toContain("hint: wait for it with --lock-wait DURATION");
      expect(second.events.map(({ event }) => event)).toEqual(["start", "jobDone", "end"]);
      expect(second.events.at(-1)).toMatchObject({ exitCode: 75 });
      expect(await snapshotsOf(site.fs("data"))).toEqual(["1"]);
    },
  );

  test("--lock-wait waits no longer than asked", async () => {
    const impatient = await site.run(["push", "--lock-wait", "1s", PUSH_JOB]);
    expect(impatient.exitCode).toBe(75);
    expect(impatient.seconds).toBeGreaterThan(1);
    expect(await goesOn(running)).toBe(true);
  });

  test("snapshots can be taken, and a dry run shows its plan", async () => {
    const shown = await site.succeed(["prune", "--dry-run", PUSH_JOB]);
    expect(eventsOf(shown, "plannedPrune")).toMatchObject([{ name: "1", action: "keep" }]);
    expect(eventsOf(await site.succeed(["snap", PUSH_JOB]), "snapshotTaken")).toHaveLength(1);
    expect(await goesOn(running)).toBe(true);
  });

  test("--lock-wait goes on when the lock is free", async () => {
    const patient = site.start(["push", "--lock-wait", "1m", PUSH_JOB]);
    expect(await goesOn(patient)).toBe(true);
    process.kill(running.pid, "SIGTERM");
    expect((await running.ended).exitCode).toBe(143);
    const ended = await patient.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(await snapshotsOf(site.replica("data"))).toEqual(await snapshotsOf(site.fs("data")));
  });
});

test("after kill -9, the next run waits for nobody", async () => {
  await createSite();
  const running = await startPush();
  process.kill(-running.pid, "SIGKILL");
  await running.ended;
  expect(readdirSync(join(site.dir, "locks"))).toContain(`job-${PUSH_JOB.replace(" ", "_")}.lock`);
  await expect.poll(() => site.zfsProcesses(), { timeout: 10_000 }).toEqual([]);
  await site.succeed(["push", PUSH_JOB]); // without --lock-wait, only a lock that is taken over lets it in
  expect(await snapshotsOf(site.replica("data"))).toEqual(["1"]);
  expect(readdirSync(join(site.dir, "locks"))).toEqual([]);
});
