import { describe, expect, test } from "vitest";
import { LockedError, NothingMatchedError, UsageError } from "../../src/errors.ts";
import { withLock } from "../../src/lock.ts";
import { migrateJobName } from "../../src/migrate/job-name.ts";
import { cursorName, tentativeCursorName } from "../../src/zfs/abstraction.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { play } from "../scenarios/script.ts";
import type { ProgramRegistry } from "../sim/cmd-program.ts";
import { STANDARD_PROGRAMS } from "../sim/programs.ts";
import { fail } from "../sim/result.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const REFUSED: ProgramRegistry = Object.fromEntries(
  Object.keys(STANDARD_PROGRAMS).map((marker) => [marker, () => fail("Permission denied.")]),
);

/** Four filesystems in two pools with all kinds of abstractions of `old`, one snapshot under a cursor gone, and others' things. */
function world(programs: ProgramRegistry = STANDARD_PROGRAMS): ZfsSimulator {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000, programs });
  for (const pool of ["tank", "back"]) sim.addPool(pool);
  for (const fs of ["tank/a", "tank/b c", "tank/d", "back/e"]) {
    play(sim, `+ "${fs}"\n+ "${fs}@1"\n+ "${fs}@2"\n+ "${fs}@3"`);
    for (const job of ["old", "other"]) {
      const guid = (snapshot: string) =>
        sim.exec(["zfs", "get", "-Hp", "-o", "value", "guid", `${fs}@${snapshot}`]).stdout.trim();
      play(sim, `+ "${fs}#${cursorName(job, guid("1"))}" "${fs}@1"`);
      play(sim, `+ "${fs}#${tentativeCursorName(job, guid("2"))}" "${fs}@2"`);
      play(sim, `+ "${fs}@2" "zrepl_STEP_J_${job}"\n+ "${fs}@3" "zrepl_STEP_J_${job}"`);
      play(sim, `+ "${fs}@2" "zrepl_last_received_J_${job}"`);
    }
  }
  play(sim, '- "tank/a@1"\n+ "tank/a@3" "a user\'s"');
  return sim;
}

/** `dataset KIND guid` of what protects for one job. */
function protections(sim: ZfsSimulator, job: string): string[] {
  return Object.values(sim.world.pools).flatMap((pool) =>
    Object.values(pool.datasets).flatMap(({ name, bookmarks, snapshots }) => [
      ...bookmarks.flatMap((bookmark) => {
        const [, kind, hex, owner] =
          /^(zrepl_CURSOR|zrepl_CURSORTENTATIVE_)_G_([0-9a-f]{16})_J_(.*)$/.exec(bookmark.name) ?? [];
        const isTrue = BigInt(`0x${hex ?? "0"}`).toString() === bookmark.guid;
        return owner === job && isTrue ? [`${name} ${kind} ${bookmark.guid}`] : [];
      }),
      ...snapshots.flatMap(({ guid, holds }) =>
        ["zrepl_STEP_J_", "zrepl_last_received_J_"].flatMap((kind) =>
          `${kind}${job}` in holds ? [`${name} ${kind} ${guid}`] : [],
        ),
      ),
    ]),
  );
}

const sorted = (lines: readonly string[]) => [...lines].sort();

async function run(
  sim: ZfsSimulator,
  options: { faults?: ReadonlyMap<number, Fault>; dryRun?: boolean; names?: [string, string] } = {},
) {
  const { faults, dryRun = false, names = ["old", "new"] } = options;
  const [from, to] = names;
  const expected = protections(sim, from).concat(protections(sim, to));
  const check = (now: ZfsSimulator) => {
    const there = new Set([...protections(now, from), ...protections(now, to)]);
    for (const line of expected) if (!there.has(line)) throw new Error(`unprotected: ${line}`);
  };
  const config = await configOfJobs([], lockFolder());
  return invoke({ sim, config, dryRun, check, ...(faults === undefined ? {} : { faults }) }, (invocation) =>
    migrateJobName(...names, invocation),
  );
}

describe.each([
  ["channel programs", STANDARD_PROGRAMS],
  ["plain commands", REFUSED],
])("with %s", (_name, programs) => {
  test("everything of the job gets the new name, nothing else changes", async () => {
    const sim = world(programs);
    const [old, others] = [protections(sim, "old"), protections(sim, "other")];
    const { error, log } = await run(sim);
    expect(error).toBeUndefined();
    expect(log.filter((line) => line.startsWith("info"))).toHaveLength(20);
    expect(protections(sim, "old")).toEqual([]);
    expect(sorted(protections(sim, "new"))).toEqual(sorted(old));
    expect(protections(sim, "other")).toEqual(others);
    expect(sim.exec(["zfs", "holds", "-H", "tank/a@3"]).stdout).toContain("a user's");
  });

  test("stopped or failing anywhere, no base is unprotected, and the next run ends it", async () => {
    const dry = world(programs);
    const wanted = protections(dry, "old");
    const { runner } = await run(dry);
    const faults: Fault[] = [
      { kind: "crash", when: "before" },
      { kind: "crash", when: "after" },
      { kind: "fail", stderr: "cannot x: permission denied" },
      { kind: "failAfter", stderr: "internal error: Input/output error" },
    ];
    expect(runner.operations.length).toBeGreaterThan(10);
    for (let operation = 0; operation < runner.operations.length; operation++)
      for (const fault of faults) {
        const sim = world(programs);
        const first = await run(sim, { faults: new Map([[operation, fault]]) });
        const where = `${JSON.stringify(fault)} at ${operation}: ${runner.operations[operation]}`;
        expect(first.error?.message ?? "", where).not.toContain("unprotected");
        const again = await run(sim);
        if (!(again.error instanceof NothingMatchedError)) expect(again.error, where).toBeUndefined();
        expect(protections(sim, "old"), where).toEqual([]);
        expect(sorted(protections(sim, "new")), where).toEqual(sorted(wanted));
      }
  });
});

test("--dry-run says what it would do, and does nothing", async () => {
  const sim = world();
  const before = sim.snapshotState();
  const { stdout } = await run(sim, { dryRun: true });
  expect(stdout).toHaveLength(20);
  expect(stdout).toContain('would rename step-hold "zrepl_STEP_J_old" on tank/b c@2 to zrepl_STEP_J_new');
  expect(sim.snapshotState()).toBe(before);
});

test("what can't have the new name keeps the old one", async () => {
  const sim = world();
  const long = `tank/${"x".repeat(180)}`;
  play(sim, `+ "${long}"\n+ "${long}@1"`);
  const guid = sim.exec(["zfs", "get", "-Hp", "-o", "value", "guid", `${long}@1`]).stdout.trim();
  play(sim, `+ "${long}#${cursorName("old", guid)}" "${long}@1"`);
  const { error, log } = await run(sim, { names: ["old", "n".repeat(60)] });
  expect(error?.message).toBe("1 of 21 could not be renamed");
  expect(log.join()).toMatch(
    /cannot rename replication-cursor-bookmark-v2 tank\/x+#.*: the new name is longer than 255 bytes/,
  );
  expect(protections(sim, "old")).toEqual([`${long} zrepl_CURSOR ${guid}`]);
});

test.each([
  [["old", "a/b"], UsageError],
  [["old", "old"], UsageError],
  [["nobody", "new"], NothingMatchedError],
] as [[string, string], typeof UsageError][])("%j is refused", async (names, error) => {
  const sim = world();
  const before = sim.snapshotState();
  expect((await run(sim, { names })).error).toBeInstanceOf(error);
  expect(sim.snapshotState()).toBe(before);
});

test.each(["job-old", "job-new"])("nothing is renamed while %s is locked", async (name) => {
  const sim = world();
  const before = sim.snapshotState();
  const dir = lockFolder();
  const config = await configOfJobs([], dir);
  const lock = {
    dir,
    name,
    command: "push",
    waitSec: 0,
    signal: new AbortController().signal,
    onLost: () => undefined,
  };
  const { error } = await withLock(lock, () =>
    invoke({ sim, config }, (invocation) => migrateJobName("old", "new", invocation)),
  );
  expect(error).toBeInstanceOf(LockedError);
  expect(sim.snapshotState()).toBe(before);
});
