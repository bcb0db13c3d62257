import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ActivityRecorder, readActivity } from "../src/activity.ts";
import { withLock } from "../src/lock.ts";
import type { Event, Reporter } from "../src/report/events.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const JOB = "my job";
const options = () => ({
  ...{ dir, name: `job-${JOB}`, command: "zrepl-run push", waitSec: 0 },
  ...{ signal: new AbortController().signal, onLost: () => undefined },
});
const silent: Reporter = { emit: () => undefined, progress: () => undefined, wantsText: true };
const step = { job: JOB, filesystem: "tank/a", kind: "full" as const, to: "@a", step: 1, steps: 2 };
const started: Event = { event: "stepStarted", resumed: false, ...step };
const done: Event = { event: "stepDone", bytes: 100, seconds: 1, ...step };

test("nobody works on a job that is not locked", () => {
  expect(readActivity(dir, "job", JOB)).toBeUndefined();
});

test("a lock without a record still says who works there", async () => {
  await withLock(options(), async () => {
    const activity = readActivity(dir, "job", JOB);
    expect(activity).toMatchObject({ pid: process.pid, command: "zrepl-run push", phase: undefined, running: [] });
  });
});

test("steps, bytes and phases are told, at most once a second, and gone in the end", async () => {
  let nowMs = 1000;
  const recorder = new ActivityRecorder(() => nowMs);
  const reporter = recorder.listenTo(silent);
  await withLock(options(), async () => {
    const end = recorder.begin(dir, "job", JOB);
    nowMs += 1000;
    reporter.planned?.(JOB, 7);
    expect(readActivity(dir, "job", JOB)).toMatchObject({ phase: "replicate", steps: 7, stepsDone: 0 });
    reporter.emit(started);
    expect(readActivity(dir, "job", JOB)?.running).toEqual([]);
    nowMs += 1000;
    reporter.progress({ ...step, bytes: 41, totalBytes: 100 });
    expect(readActivity(dir, "job", JOB)?.running).toEqual([
      { filesystem: "tank/a", to: "@a", step: 1, steps: 2, bytes: 41, totalBytes: 100 },
    ]);
    nowMs += 1000;
    reporter.emit(done);
    expect(readActivity(dir, "job", JOB)).toMatchObject({ stepsDone: 1, bytesDone: 100, running: [] });
    end();
    expect(readdirSync(dir).filter((name) => name.includes("activity"))).toEqual([]);
  });
});

test("other jobs' events are not this one's", async () => {
  const recorder = new ActivityRecorder(() => 0);
  const reporter = recorder.listenTo(silent);
  await withLock(options(), async () => {
    const end = recorder.begin(dir, "job", JOB);
    reporter.emit({ ...done, job: "another" });
    expect(readActivity(dir, "job", JOB)?.stepsDone).toBe(0);
    end();
  });
});

test("a record of a dead process, or half a one, says nothing", async () => {
  await withLock(options(), async () => {
    const file = join(dir, "job-my_job.lock.activity.json");
    writeFileSync(file, JSON.stringify({ pid: process.pid + 1, phase: "prune", running: [] }));
    expect(readActivity(dir, "job", JOB)?.phase).toBeUndefined();
    writeFileSync(file, '{"pid":');
    expect(readActivity(dir, "job", JOB)).toMatchObject({ pid: process.pid, phase: undefined });
  });
});

test("what can't be written does not matter", () => {
  const recorder = new ActivityRecorder(() => 0);
  const end = recorder.begin(join(dir, "not there"), "job", JOB);
  recorder.listenTo(silent).emit(done);
  end();
  expect(readdirSync(dir)).toEqual([]);
});
