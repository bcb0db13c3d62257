import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, type Running, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();
let site: Site;

/** A slow first push of 6 MiB. */
beforeEach(async () => {
  const snapshotting = { type: "periodic", prefix: "z_", interval: "1h" };
  site = await newSite({ push: { send: { bandwidth_limit: { max: "1500 KiB" } }, snapshotting } });
  await zfs("create", site.fs("data"));
  await site.write("data", "file", 6 * 1024);
  await zfs("snapshot", `${site.fs("data")}@1`);
});

async function startPush(): Promise<Running> {
  const running = site.start(["push", PUSH_JOB]);
  await running.event("stepStarted");
  return running;
}

describe("while a job replicates", () => {
  test("another push or prune of it exits 75 at once, says who holds the lock, and changes nothing", async () => {
    const running = await startPush();
    for (const verb of ["push", "prune", "run"]) {
      const second = await site.run([verb, PUSH_JOB]);
      expect([verb, second.exitCode]).toEqual([verb, 75]);
      expect(second.stderr).toContain(`pid ${running.pid} `);
      expect(second.stderr).toContain(`"zrepl-run --config `);
      expect(second.stderr).toContain("hint: wait for it with --lock-wait DURATION");
      expect(second.events.at(-1)).toMatchObject({ event: "end", exitCode: 75 });
    }
    expect((await running.ended).exitCode).toBe(0);
    expect(await snapshotsOf(site.replica("data"))).toEqual(["1"]);
  });

  test("--lock-wait waits so long, and no longer", async () => {
    const running = await startPush();
    const impatient = await site.run(["push", "--lock-wait", "1s", PUSH_JOB]);
    expect(impatient.exitCode).toBe(75);
    expect(impatient.seconds).toBeGreaterThan(1);
    const patient = await site.run(["push", "--lock-wait", "1m", PUSH_JOB]);
    expect(patient.exitCode, patient.stderr).toBe(0);
    expect(eventsOf(patient, "stepStarted")).toEqual([]);
    expect((await running.ended).exitCode).toBe(0);
  });

  test("snapshots can be taken, and a dry run shows its plan", async () => {
    const running = await startPush();
    expect(eventsOf(await site.succeed(["snap", PUSH_JOB]), "snapshotTaken")).toHaveLength(1);
    const shown = await site.succeed(["prune", "--dry-run", PUSH_JOB]);
    expect(eventsOf(shown, "plannedPrune").length).toBeGreaterThan(0);
    process.kill(-running.pid, "SIGTERM");
    expect((await running.ended).exitCode).toBe(143);
  });
});

test("after kill -9, the next run waits for nobody", async () => {
  const running = await startPush();
  process.kill(-running.pid, "SIGKILL");
  await running.ended;
  expect(readdirSync(join(site.dir, "locks"))).toEqual([`job-${PUSH_JOB.replace(" ", "_")}.lock`]);
  await expect.poll(() => site.zfsProcesses()).toEqual([]);
  // without --lock-wait, only a lock that is taken over lets it in
  const locked = site.start(["push", PUSH_JOB]);
  expect((await locked.ended).exitCode).toBe(0);
  expect(await snapshotsOf(site.replica("data"))).toEqual(["1"]);
});
