import { describe, expect, test } from "vitest";
import { CONTRACT, type Event } from "../../src/report/events.ts";
import { eventsSchema, validEvent } from "./event-schema.ts";

const STEP = { job: "j", filesystem: "t/a", kind: "incremental", from: "#a", to: "@b", step: 1, steps: 2 } as const;
const PRUNED = { job: "j", side: "sender", filesystem: "t", name: "a", guid: "18446744073709551615" } as const;
const TIME = "2026-11-21T13:00:00.250Z";
const VERSION = { name: "a", guid: "1", creationSec: 1 };
const counts = {
  ...{ filesystemsDone: 1, filesystemsFailed: 0, snapshotsTaken: 1, stepsDone: 1, bytesReplicated: 2 ** 52 },
  ...{ snapshotsDestroyed: 0, warnings: 0, errors: 0 },
};

/** One of each, with every key: the compiler misses an event that is not here. */
const EVENTS: { readonly [K in Event["event"]]: Required<Extract<Event, { event: K }>> } = {
  start: { event: "start", v: 1, version: "0.1.0", command: "zrepl-run push j", dryRun: false, time: TIME },
  log: { event: "log", level: "warn", message: "m", job: "j", filesystem: "t", step: "1/2" },
  snapshotTaken: { event: "snapshotTaken", job: "j", filesystem: "t", name: "z_1" },
  hookDone: {
    ...{ event: "hookDone", job: "j", filesystem: "t", hook: "/h", type: "pre_snapshot", status: "ok" },
    ...{ message: "m", seconds: 0.5 },
  },
  stepStarted: { event: "stepStarted", resumed: true, ...STEP },
  stepDone: { event: "stepDone", bytes: 1, seconds: 0.1, ...STEP },
  filesystemFailed: {
    ...{ event: "filesystemFailed", job: "j", phase: "prune", filesystem: "t", message: "m", hint: "h" },
    temporary: true,
  },
  snapshotDestroyed: { event: "snapshotDestroyed", ...PRUNED },
  snapshotKept: { event: "snapshotKept", reason: "held", ...PRUNED },
  planText: { event: "planText", job: "j", text: "t" },
  plannedSnapshot: { event: "plannedSnapshot", job: "j", filesystem: "t", name: "z_1" },
  plannedStep: { event: "plannedStep", resumed: false, estimatedBytes: 0, ...STEP },
  plannedConflict: { event: "plannedConflict", job: "j", filesystem: "t", conflict: "c", explanation: ["e"] },
  plannedPrune: { event: "plannedPrune", creationSec: 1, action: "keep", reasons: ["last_n 1"], ...PRUNED },
  plannedPruneFilesystem: {
    ...{ event: "plannedPruneFilesystem", job: "j", side: "local", filesystem: "t", destroy: 1, keep: 2, held: 3 },
    ...{ reclaimBytes: 4, skipped: "s" },
  },
  abstraction: {
    ...{ event: "abstraction", action: "failed", text: "t", type: "step-hold", filesystem: "t", name: "n" },
    ...{
      fullPath: "t@a",
      job: "j",
      guid: "1",
      createtxg: "2",
      creationSec: 3,
      state: "stale",
      reason: "r",
      message: "m",
    },
  },
  restorable: {
    event: "restorable",
    job: "j",
    filesystem: "tank/a",
    replica: "host:pool/sink/me/tank/a",
    encrypted: false,
    snapshots: [{ name: "s", guid: "1", creationSec: 1_700_000_000 }],
  },
  verified: {
    ...{ event: "verified", job: "j", filesystem: "tank/a", identical: 1, contents: ["s"], problems: ["p"] },
    ...{ unknown: ["u"], notes: ["n"] },
  },
  phaseDone: { event: "phaseDone", job: "j", phase: "prune", side: "receiver", done: 1, failed: 0, summary: "s" },
  checked: { event: "checked", job: "j", check: "zfs", status: "fail", detail: "d", remedy: "r" },
  filesystemStatus: {
    ...{ event: "filesystemStatus", job: "j", filesystem: "t", health: "failed", problem: "p", explanation: ["e"] },
    ...{ sender: { snapshots: 1, newest: VERSION, oldest: VERSION }, receiver: { snapshots: 0 } },
    ...{ replicated: { ...VERSION, by: "cursor" }, lag: { snapshots: 1, seconds: 60, bytes: 5 }, nextDueSec: 9 },
    interrupted: { to: "b", token: "1-a", bytes: 3, totalBytes: 9, deadReason: "r" },
    holds: [{ side: "sender", snapshot: "a", creationSec: 1, tag: "t", kind: "step", isNeeded: false }],
    days: "bsr.",
  },
  jobStatus: {
    ...{ event: "jobStatus", job: "j", type: "push", health: "behind", summary: "s", problems: ["p"], nextDueSec: 9 },
    counts: { failed: 0, warning: 0, unknown: 0, behind: 1, running: 0, ok: 1, total: 2 },
    running: [
      {
        ...{ pid: 1, command: "c", sinceSec: 1, phase: "replicate", stepsDone: 1, steps: 7 },
        current: [{ filesystem: "t", to: "@b", bytes: 1, totalBytes: 2 }],
      },
    ],
  },
  monitorResult: {
    ...{ event: "monitorResult", state: "WARNING", exitCode: 1 },
    findings: [{ state: "WARNING", job: "j", filesystem: "t", message: "m" }],
    metrics: [{ label: "l", value: 1.5, unit: "s", warn: 1, crit: 2 }],
  },
  jobDone: { event: "jobDone", job: "j", exitCode: 3, seconds: 1, error: "e", hint: "h" },
  config: { event: "config", part: "jobs", value: [{}] },
  version: { event: "version", version: "0.1.0", node: "v20.0.0", platform: "linux-x64" },
  end: {
    ...{ event: "end", v: 1, exitCode: 143, seconds: 1.5, time: TIME, counts },
    ...{ planned: { snapshots: 1, steps: 1, bytes: 1, destroys: 1 }, error: "e", hint: "h" },
  },
};

test("the schema has the events that there are, by their names", () => {
  expect(eventsSchema.oneOf.map(({ $ref }) => $ref)).toEqual(Object.keys(EVENTS).map((name) => `#/$defs/${name}`));
});

test("its $id ends in the number that the first and the last line have", () => {
  expect(eventsSchema.$id.split(":").at(-1)).toBe(String(CONTRACT));
});

describe.each(Object.values(EVENTS))("$event", (event) => {
  test("is valid with everything in it", () => {
    expect(validEvent(event)).toBe(event);
  });

  test("is not with more, or with a number for a name", () => {
    expect(() => validEvent({ ...event, more: 1 })).toThrow("is no event");
    for (const key of ["job", "filesystem"])
      if (key in event) expect(() => validEvent({ ...event, [key]: 1 })).toThrow("is no event");
  });
});
