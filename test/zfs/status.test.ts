/** status, report and monitor on real pools, as a user runs them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { FilesystemStatus } from "../../src/report/status-events.ts";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, SINK_JOB, type Site, trackSites, writeRandom } from "./site.ts";

const newSite = trackSites();
let site: Site;

async function statusOf(filesystem: string): Promise<FilesystemStatus> {
  const ended = await site.run(["status", PUSH_JOB]);
  const found = eventsOf(ended, "filesystemStatus").find((status) => status.filesystem === site.fs(filesystem));
  if (found === undefined) throw new Error(`${filesystem} is not among ${ended.stdout}`);
  return found;
}

const MIB = 1 << 20;
const KIB_PER_MIB = 1024;

beforeAll(async () => {
  site = await newSite();
  for (const name of ["a", "b c", "cut"]) await zfs("create", site.fs(name));
  await zfs("snapshot", "-r", `${site.srcRoot}@one`);
  expect(await site.run(["push", PUSH_JOB])).toMatchObject({ exitCode: 0 });
});

test("what is replicated, and what is behind by how much", async () => {
  expect(await statusOf("a")).toMatchObject({
    ...{ health: "ok", replicated: { name: "one", by: "receiver" }, lag: { snapshots: 0, seconds: 0, bytes: 0 } },
    ...{ sender: { snapshots: 1 }, receiver: { snapshots: 1 } },
  });
  await writeRandom(join(site.mountpoint("b c"), "file"), 2 * KIB_PER_MIB);
  await zfs("snapshot", site.fs("b c@two"));
  const behind = await statusOf("b c");
  expect(behind).toMatchObject({ health: "behind", lag: { snapshots: 1 } });
  expect(behind.lag?.bytes).toBeGreaterThan(2 * MIB - 1);
  expect(behind.lag?.bytes).toBeLessThan(3 * MIB);
});

test("a transfer under way is shown by another invocation, and one that was killed as interrupted", async () => {
  await writeRandom(join(site.mountpoint("cut"), "file"), 8 * KIB_PER_MIB);
  await zfs("snapshot", site.fs("cut@two"));
  site.configure({ push: { send: { bandwidth_limit: { max: "256 KiB" } } } });
  const push = site.start(["push", PUSH_JOB]);
  const working = async () => (await site.run(["status", PUSH_JOB], { json: false })).stdout;
  await expect
    .poll(working, { timeout: 60_000, interval: 300 })
    .toMatch(/replicating since \w+ \(pid \d+\), step \d of 2, \d+ % of .*cut @two/);
  expect(await working()).toMatch(/\/cut: running;/);
  process.kill(push.pid, "SIGKILL");
  await push.ended;
  await expect.poll(() => site.zfsProcesses(), { timeout: 20_000 }).toEqual([]);
  const { interrupted } = await statusOf("cut");
  expect(interrupted).toMatchObject({ to: "two" });
  expect(interrupted?.bytes).toBeGreaterThan(0);
  expect(interrupted?.totalBytes).toBeGreaterThan(8 * MIB - 1);
  expect(interrupted?.totalBytes).toBeLessThan(10 * MIB);
  site.configure();
  expect(await site.run(["push", PUSH_JOB])).toMatchObject({ exitCode: 0 });
  expect(await statusOf("cut")).toMatchObject({ health: "ok" });
});

test("monitor says the same with a plug-in's words", async () => {
  const fine = await site.run(["monitor", PUSH_JOB, "--newest", "1h,2h", "--lag", "1h,2h"], { json: false });
  expect(fine).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^OK: .*\| '.* filesystems'=3;/) });
  await zfs("snapshot", `${site.replica("a")}@own`);
  await zfs("snapshot", site.fs("a@two"));
  const diverged = await site.run(["monitor", PUSH_JOB, "--newest", "1h,2h"], { json: false });
  expect(diverged).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(/^CRITICAL: .*\/a: diverged/) });
  const sink = await site.run(["monitor", SINK_JOB, "--newest", "1h,2h"], { json: false });
  expect(sink).toMatchObject({ exitCode: 0 });
});

test("the report has all of it on a page", async () => {
  const file = join(site.dir, "page.html");
  expect(await site.run(["report", "--html", file], { json: false })).toMatchObject({ exitCode: 0, stdout: "" });
  const page = readFileSync(file, "utf8");
  expect(page).toContain("diverged: the receiver has 1 snapshot(s)");
  expect(page.match(/<div class="timeline">/g)).toHaveLength(6);
});

test("nothing is changed by looking", async () => {
  const before = await site.everything();
  for (const args of [
    ["status"],
    ["report", "--html", join(site.dir, "p.html")],
    ["monitor", "--newest", ",1h", "--all"],
  ])
    await site.run(args);
  expect(await site.everything()).toBe(before);
});

test("a pool that is gone is said to be, and the other side is shown", async () => {
  site.configure({ sink: { root_fs: "no-such-pool/sink" } });
  const ended = await site.run(["status", PUSH_JOB]);
  expect(ended.exitCode).toBe(3);
  const [job] = eventsOf(ended, "jobStatus");
  expect(job?.problems).toEqual([expect.stringContaining('pool "no-such-pool" is not imported')]);
  expect(await statusOf("b c")).toMatchObject({ health: "unknown", replicated: { name: "two", by: "cursor" } });
});
