import { expect, test } from "vitest";
import type { Event } from "../../src/report/events.ts";
import { Tally } from "../../src/report/tally.ts";

const STEP = { filesystem: "t/a", kind: "full", to: "@b", step: 1, steps: 2 } as const;
const NOTHING = {
  ...{ filesystemsDone: 0, filesystemsFailed: 0, snapshotsTaken: 0, stepsDone: 0, bytesReplicated: 0 },
  ...{ snapshotsDestroyed: 0, warnings: 0, errors: 0 },
};

function tallyOf(events: readonly Event[]): Tally {
  const tally = new Tally();
  for (const event of events) tally.add(event);
  return tally;
}

const RUN: readonly Event[] = [
  { event: "log", level: "error", message: "of no job" },
  { event: "log", level: "warn", job: "one", message: "m" },
  { event: "snapshotTaken", job: "one", filesystem: "t/a", name: "z" },
  { event: "stepDone", job: "one", bytes: 5, seconds: 1, ...STEP },
  { event: "stepDone", job: "one", bytes: 7, seconds: 1, ...STEP, step: 2 },
  { event: "phaseDone", job: "one", phase: "replicate", done: 2, failed: 1, summary: "s" },
  { event: "filesystemFailed", job: "one", phase: "replicate", filesystem: "t/b", message: "m", temporary: false },
  { event: "jobDone", job: "one", exitCode: 3, seconds: 9, error: "e" },
  { event: "snapshotDestroyed", job: "two", side: "local", filesystem: "t", name: "z", guid: "1" },
  { event: "hookDone", job: "two", hook: "/h", type: "pre_replicate", status: "failed", seconds: 1 },
  { event: "phaseDone", job: "two", phase: "prune", side: "local", done: 4, failed: 0, summary: "s" },
];

test("counts what was done, by job and in all", () => {
  const tally = tallyOf(RUN);
  const one = { ...NOTHING, snapshotsTaken: 1, stepsDone: 2, bytesReplicated: 12, warnings: 1, errors: 1 };
  expect(tally.jobs.map(({ job, counts }) => [job, counts])).toEqual([
    ["one", { ...one, filesystemsDone: 2, filesystemsFailed: 1 }],
    ["two", { ...NOTHING, filesystemsDone: 4, snapshotsDestroyed: 1, errors: 1 }],
  ]);
  const all = { ...one, filesystemsDone: 6, filesystemsFailed: 1, snapshotsDestroyed: 1, errors: 3 };
  expect(tally.counts).toEqual(all);
  expect(tally.planned).toBeUndefined();
});

test("has a job's phases, bytes by filesystem, and how it ended", () => {
  const [one, two] = tallyOf(RUN).jobs;
  expect(one?.phases).toEqual([{ phase: "replicate", done: 2, failed: 1 }]);
  expect(one?.bytesByFilesystem).toEqual(new Map([["t/a", 12]]));
  expect(one?.ended).toEqual({ exitCode: 3, seconds: 9 });
  expect(two?.ended).toBeUndefined();
});

test("of a dry run it counts what is planned, and nothing as done", () => {
  const step = { event: "plannedStep", job: "one", resumed: false, ...STEP } as const;
  const prune = {
    event: "plannedPrune",
    job: "one",
    side: "sender",
    filesystem: "t",
    guid: "1",
    creationSec: 1,
  } as const;
  const tally = tallyOf([
    { event: "plannedSnapshot", job: "one", filesystem: "t", name: "z" },
    { ...step, estimatedBytes: 5 },
    step,
    { ...prune, name: "a", action: "destroy", reasons: [] },
    { ...prune, name: "b", action: "keep", reasons: ["held"] },
  ]);
  expect(tally.planned).toEqual({ snapshots: 1, steps: 2, bytes: 5, destroys: 1 });
  expect(tally.counts).toEqual(NOTHING);
});
