import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import {
  bookmarksOf,
  type Changes,
  eventsOf,
  holdsBelow,
  lines,
  PUSH_JOB,
  processTree,
  property,
  type Running,
  SINK_JOB,
  type Site,
  snapshotsOf,
  trackSites,
} from "./site.ts";

const STEP = `zrepl_STEP_J_${PUSH_JOB}`;
const LAST_RECEIVED = `zrepl_last_received_J_${SINK_JOB}`;
const MIB = 1 << 20;
const SLOW: Changes = { push: { send: { bandwidth_limit: { max: "2 MiB" } } } };

const newSite = trackSites(1024);
let site: Site;

/** `big file` on the sender: @1 is replicated, @2 has 10 MiB more, @3 a little. */
beforeEach(async () => {
  site = await newSite();
  await zfs("create", site.fs("big file"));
  await zfs("snapshot", `${site.fs("big file")}@1`);
  await site.succeed(["push", PUSH_JOB]);
  await site.write("big file", "two", 10 * 1024);
  await zfs("snapshot", `${site.fs("big file")}@2`);
  await site.write("big file", "three", 64);
  await zfs("snapshot", `${site.fs("big file")}@3`);
  site.configure(SLOW);
});

/** Starts a push and waits until a few MiB of it have arrived. */
async function startAndWait(): Promise<Running> {
  const running = site.start(["push", PUSH_JOB]);
  await running.event("stepStarted");
  await sleep(1500);
  return running;
}

async function killAndWait(running: Running, pids: readonly number[]): Promise<void> {
  await execa("kill", ["-9", "--", ...pids.map(String)], { reject: false }); // some may have noticed that others died
  expect((await running.ended).signal).toBe("SIGKILL");
  await expect.poll(() => site.zfsProcesses(), { timeout: 5_000 }).toEqual([]);
}

/** Bytes that the receiver has of the interrupted step, as its token says. */
async function bytesReceived(): Promise<number> {
  const token = await property(site.replica("big file"), "receive_resume_token");
  expect(token).toMatch(/^1-/);
  const { stdout } = await execa("zfs", ["send", "-nvP", "-t", token]);
  return Number(/bytes = (\S+)/.exec(stdout)?.[1]);
}

/** Runs the push to its end with a `zfs` that counts what `zfs send` really writes. */
async function pushCounting(): Promise<{ resumed: boolean[]; bytesSent: number; seconds: number }> {
  const countFile = join(site.dir, "sent");
  const real = (await execa("sh", ["-c", "command -v zfs"])).stdout;
  writeFileSync(countFile, "");
  const wrapper = join(site.dir, "zfs");
  const counted = `"$real" "$@" | tee >(wc -c >>'${countFile}'); exit "\${PIPESTATUS[0]}"`;
  writeFileSync(
    wrapper,
    `#!/bin/bash\nreal='${real}'\nif [ "$1" = send ] && [ "$2" = -v ]; then ${counted}; fi\nexec "$real" "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  site.configure();
  const ended = await site.succeed(["push", PUSH_JOB], { env: { PATH: `${site.dir}:${process.env["PATH"]}` } });
  const steps = eventsOf(ended, "stepDone").length;
  const counts = () => lines(readFileSync(countFile, "utf8")).map(Number);
  await expect.poll(counts).toHaveLength(steps); // wc may end a moment after zfs
  const bytesSent = counts().reduce((sum, count) => sum + count, 0);
  return { resumed: eventsOf(ended, "stepStarted").map(({ resumed }) => resumed), bytesSent, seconds: ended.seconds };
}

/** What a finished replication leaves: all snapshots, one cursor, one hold; and the content is the sender's. */
async function expectDone(): Promise<void> {
  const [fs, replica] = [site.fs("big file"), site.replica("big file")];
  expect(await snapshotsOf(replica)).toEqual(["1", "2", "3"]);
  const guids = (dataset: string) => zfs("list", "-Hp", "-d", "1", "-t", "snapshot", "-o", "guid", dataset);
  expect(await guids(replica)).toBe(await guids(fs));
  expect(await property(replica, "receive_resume_token")).toBe("-");
  expect(await holdsBelow(fs)).toEqual([]);
  expect(await holdsBelow(replica)).toEqual([`@3: ${LAST_RECEIVED}`]);
  const guid = BigInt(await property(`${fs}@3`, "guid"))
    .toString(16)
    .padStart(16, "0");
  expect(await bookmarksOf(fs)).toEqual([`zrepl_CURSOR_G_${guid}_J_${PUSH_JOB}`]);
}

async function expectResumes(): Promise<void> {
  const received = await bytesReceived();
  expect(received).toBeGreaterThan(MIB);
  expect(await holdsBelow(site.fs("big file"))).toEqual([`@1: ${STEP}`, `@2: ${STEP}`, `@3: ${STEP}`]);
  expect(await holdsBelow(site.replica("big file"))).toEqual([`@1: ${LAST_RECEIVED}`]);
  const { resumed, bytesSent } = await pushCounting();
  expect(resumed).toEqual([true, false]);
  const rest = 10 * MIB - received;
  expect(bytesSent).toBeGreaterThan(rest);
  expect(bytesSent).toBeLessThan(rest + MIB);
  await expectDone();
}

describe("after kill -9 in mid-stream of", () => {
  test("all its processes at once, the next run sends only the rest", async () => {
    const running = await startAndWait();
    const tree = processTree(running.pid);
    expect(tree.length).toBeGreaterThan(2);
    await killAndWait(running, tree);
    await expectResumes();
  });

  test("its process group, no process is left and the next run sends only the rest", async () => {
    const running = await startAndWait();
    await killAndWait(running, [-running.pid]);
    await expectResumes();
  });

  test("`zfs send` only, the same run goes on with the rest", async () => {
    site.configure({ push: { ...SLOW.push, replication: { retry: { backoff: "1s" } } } });
    const running = await startAndWait();
    const sender = site
      .zfsProcesses()
      .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0send\0"));
    expect(sender).toHaveLength(1);
    process.kill(Number(sender[0]), "SIGKILL");
    const ended = await running.ended;
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(eventsOf(ended, "stepStarted").map(({ resumed, to }) => `${to} ${resumed}`)).toEqual([
      "@2 false",
      "@2 true",
      "@3 false",
    ]);
    await expectDone();
  });
});

describe("a signal in mid-stream", () => {
  test.each`
    signal       | exitCode
    ${"SIGTERM"} | ${143}
    ${"SIGINT"}  | ${130}
    ${"SIGHUP"}  | ${143}
  `("$signal ends it with $exitCode, without a child left, in a state that can be resumed", async (row) => {
    const { signal, exitCode }: { signal: NodeJS.Signals; exitCode: number } = row;
    const running = await startAndWait();
    process.kill(running.pid, signal);
    const ended = await running.ended;
    expect(ended.exitCode).toBe(exitCode);
    expect(site.zfsProcesses()).toEqual([]);
    expect(ended.events.at(-1)).toMatchObject({ event: "end", exitCode });
    if (signal === "SIGTERM") await expectResumes();
    else expect(await bytesReceived()).toBeGreaterThan(MIB);
  });
});

test("a time limit stops the transfer cleanly: exit 1, and the next run sends only the rest", async () => {
  const ended = await site.run(["push", "--time-limit", "4s", PUSH_JOB]);
  expect(ended.stderr).toContain("the time limit is over");
  expect(ended.exitCode).toBe(1);
  expect(site.zfsProcesses()).toEqual([]);
  await expectResumes();
});

test("an interrupted receive whose snapshot the sender has no more is cleared, or reported with on_dead_token: fail", async () => {
  const running = await startAndWait();
  await killAndWait(running, [-running.pid]);
  await zfs("release", STEP, `${site.fs("big file")}@2`);
  await zfs("destroy", `${site.fs("big file")}@2`);

  site.configure({ push: { replication: { resume: { on_dead_token: "fail" } } } });
  const failed = await site.run(["push", PUSH_JOB]);
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toMatch(/toguid.* not found on sender.*; clear it on the receiver with zfs recv -A/);
  expect(await property(site.replica("big file"), "receive_resume_token")).toMatch(/^1-/);

  site.configure();
  const ended = await site.succeed(["push", PUSH_JOB]);
  expect(eventsOf(ended, "stepDone").map(({ from, to }) => `${from} ${to}`)).toEqual(["@1 @3"]);
  expect(await snapshotsOf(site.replica("big file"))).toEqual(["1", "3"]);
  expect(await property(site.replica("big file"), "receive_resume_token")).toBe("-");
  expect(await holdsBelow(site.fs("big file"))).toEqual([]);
});
