import { describe, expect, test } from "vitest";
import type { Abstraction, AbstractionType } from "../../src/abstraction/inventory.ts";
import { judge } from "../../src/abstraction/judge.ts";
import { listAbstractions, type ReleaseOptions, releaseMatching } from "../../src/abstraction/run.ts";
import { type AbstractionFilter, parseFilesystems, parseTypes } from "../../src/abstraction/select.ts";
import { LockedError, NothingMatchedError, UsageError } from "../../src/errors.ts";
import { withLock } from "../../src/lock.ts";
import { cursorName, tentativeCursorName } from "../../src/zfs/abstraction.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const ALL: AbstractionFilter = { filesystems: parseFilesystems(undefined), jobs: [], types: [], untilSec: undefined };
const KEEP = [{ type: "regex", regex: ".*" }];

function jobs(...matches: readonly string[]) {
  const connect = { type: "local", listener_name: "l", client_identity: "c" };
  return [
    {
      ...{ type: "push", name: "prod", connect, snapshotting: { type: "manual" } },
      filesystems: Object.fromEntries(matches.map((pattern) => [pattern, true])),
      pruning: { keep_sender: KEEP, keep_receiver: KEEP },
    },
    { type: "sink", name: "vault", root_fs: "back/sink", serve: { type: "local", listener_name: "l" } },
  ];
}

const hex = (sim: ZfsSimulator, snapshot: string) => {
  const { stdout } = sim.exec(["zfs", "get", "-Hp", "-o", "value", "guid", snapshot]);
  return stdout.trim();
};

/** What zrepl leaves here and there: @1 to @4 of tank/a, replicated to @3, with leftovers; tank/old of a job that is gone. */
function world(): ZfsSimulator {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  for (const pool of ["tank", "back"]) sim.addPool(pool);
  for (const fs of ["tank/a", "tank/old", "back/sink/c/tank/a"]) {
    play(sim, `+ "${fs}"`);
    for (const snapshot of [1, 2, 3, 4]) play(sim, `+ "${fs}@${snapshot}"`);
  }
  const bookmark = (snapshot: string, name: typeof cursorName, job: string) =>
    play(sim, `+ "${snapshot.split("@")[0]}#${name(job, hex(sim, snapshot))}" "${snapshot}"`);
  bookmark("tank/a@2", cursorName, "prod");
  bookmark("tank/a@3", cursorName, "prod");
  bookmark("tank/a@2", tentativeCursorName, "prod");
  bookmark("tank/old@4", cursorName, "gone");
  play(sim, '+ "tank/a@3" "zrepl_STEP_J_prod"');
  play(sim, '+ "tank/a@4" "zrepl_STEP_J_prod"');
  play(sim, '+ "tank/a@4" "a user\'s"');
  play(sim, '+ "tank/old@1" "zrepl_STEP_J_prod"');
  play(sim, '+ "tank/a#zrepl_replication_cursor" "tank/a@1"');
  play(sim, '+ "back/sink/c/tank/a@2" "zrepl_last_received_J_vault"');
  play(sim, '+ "back/sink/c/tank/a@3" "zrepl_last_received_J_vault"');
  return sim;
}

async function on(sim: ZfsSimulator) {
  return { sim, config: await configOfJobs(jobs("tank/a"), lockFolder()) };
}

const G = (sim: ZfsSimulator, snapshot: string) => BigInt(hex(sim, snapshot)).toString(16).padStart(16, "0");

async function release(
  sim: ZfsSimulator,
  options: ReleaseOptions,
  filter: Partial<AbstractionFilter> = {},
  dryRun = false,
) {
  const place = { sim, config: await configOfJobs(jobs("tank/a"), lockFolder()), dryRun };
  return invoke(place, (invocation) => releaseMatching({ ...ALL, ...filter }, options, invocation));
}

describe("stale (§3.7)", () => {
  const of = (type: AbstractionType, createtxg: bigint, job: string | undefined = "j"): Abstraction => ({
    type,
    filesystem: "tank/a",
    version: { kind: "snapshot", name: `s${createtxg}`, guid: "1", createtxg, creationSec: 1, userrefs: 1 },
    tag: "t",
    job,
  });
  const CURSOR = "replication-cursor-bookmark-v2";
  const TENTATIVE = "tentative-replication-cursor-bookmark-v2";
  const step = (...txgs: bigint[]) => txgs.map((txg) => of("step-hold", txg));
  test.each([
    ["cursors: all but the newest", [of(CURSOR, 1n), of(CURSOR, 3n), of(CURSOR, 2n)], [1n, 2n]],
    ["last-received holds: all but the newest", [of("last-received-hold", 1n), of("last-received-hold", 2n)], [1n]],
    ["tentative cursors: none", [of(TENTATIVE, 1n), of(TENTATIVE, 2n), of(CURSOR, 3n)], []],
    ["old cursors: none", [1n, 2n].map((txg) => of("replication-cursor-bookmark-v1", txg, undefined)), []],
    ["step holds without cursor: all but the newest", step(1n, 2n, 3n), [1n, 2n]],
    ["step holds: those not after the cursor", [...step(1n, 2n, 3n, 4n), of(CURSOR, 2n)], [1n, 2n]],
    ["step holds: compared with the newest cursor", [...step(3n), of(CURSOR, 2n), of(CURSOR, 4n)], [3n, 2n]],
    ["step holds: a tentative cursor is no cursor", [...step(1n, 2n), of(TENTATIVE, 5n)], [1n]],
    ["jobs are apart", [of(CURSOR, 1n, "a"), of(CURSOR, 2n, "b"), of("step-hold", 1n, "b")], [1n]],
    ["two of one txg are both the newest", [of(CURSOR, 2n), of(CURSOR, 2n)], []],
  ])("%s", (_name, abstractions, stale) => {
    const judged = judge(abstractions, []);
    const found = judged
      .filter(({ state }) => state === "stale")
      .map(({ abstraction }) => abstraction.version.createtxg);
    expect(found).toEqual(stale);
  });
});

describe("list", () => {
  test("shows all of them as zrepl does, orphans apart, in two processes", async () => {
    const sim = world();
    const { runner, stdout, error } = await invoke(await on(sim), (invocation) => listAbstractions(ALL, invocation));
    expect(error).toBeUndefined();
    const [g2, g3] = [G(sim, "tank/a@2"), G(sim, "tank/a@3")];
    expect(stdout).toEqual([
      'last-received-hold "zrepl_last_received_J_vault" on back/sink/c/tank/a@2 (stale: there is a newer last-received hold)',
      'last-received-hold "zrepl_last_received_J_vault" on back/sink/c/tank/a@3',
      "replication-cursor-bookmark-v1 tank/a#zrepl_replication_cursor",
      `tentative-replication-cursor-bookmark-v2 tank/a#zrepl_CURSORTENTATIVE__G_${g2}_J_prod`,
      `replication-cursor-bookmark-v2 tank/a#zrepl_CURSOR_G_${g2}_J_prod (stale: there is a newer cursor)`,
      `replication-cursor-bookmark-v2 tank/a#zrepl_CURSOR_G_${g3}_J_prod`,
      'step-hold "zrepl_STEP_J_prod" on tank/a@3 (stale: the replication cursor is not before it)',
      'step-hold "zrepl_STEP_J_prod" on tank/a@4',
      "orphans, which release-stale and release-all leave alone without --orphans:",
      'step-hold "zrepl_STEP_J_prod" on tank/old@1 (orphan: job "prod" does not match the filesystem)',
      `replication-cursor-bookmark-v2 tank/old#zrepl_CURSOR_G_${G(sim, "tank/old@4")}_J_gone (orphan: job "gone" is not in the config)`,
    ]);
    expect(runner.operations.map((operation) => operation.split(" ", 2).join(" "))).toEqual(["zfs list", "zfs holds"]);
  });

  test.each([
    ["a filesystem", { filesystems: parseFilesystems("tank/old") }, 3],
    ["a subtree", { filesystems: parseFilesystems("back<") }, 2],
    ["zrepl's patterns", { filesystems: parseFilesystems("tank<:ok,tank/a:!") }, 3],
    ["a job; what has none stays", { jobs: ["gone"] }, 3],
    ["types", { types: parseTypes(["step-hold,last-received-hold"]) }, 6],
    ["a time", { untilSec: 1_700_000_000 + 3 * 60 }, 3],
  ])("can be limited to %s", async (_name, filter, lines) => {
    const { stdout } = await invoke(await on(world()), (invocation) =>
      listAbstractions({ ...ALL, ...filter }, invocation),
    );
    expect(stdout).toHaveLength(lines);
  });

  test("of no filesystem is most likely a mistake", async () => {
    const filter = { ...ALL, filesystems: parseFilesystems("tank/nope") };
    const { error } = await invoke(await on(world()), (invocation) => listAbstractions(filter, invocation));
    expect(error).toBeInstanceOf(NothingMatchedError);
  });

  test("without a config calls nothing an orphan", async () => {
    const config = await configOfJobs([], lockFolder());
    const { stdout } = await invoke({ sim: world(), config }, (invocation) => listAbstractions(ALL, invocation));
    expect(stdout.filter((line) => line.includes("orphan"))).toEqual([]);
  });

  test.each(["tank/a@b", "tank<x"])("--fs %s is refused", (text) => {
    expect(() => parseFilesystems(text)).toThrow(UsageError);
  });

  test("an unknown type is refused with those that there are", () => {
    expect(() => parseTypes(["step"])).toThrow(/no "step"; types: step-hold, last-received-hold/);
  });
});

/** What is on disk, as the list shows it. */
async function onDisk(sim: ZfsSimulator): Promise<string[]> {
  const config = await configOfJobs([], lockFolder());
  const { events } = await invoke({ sim, config }, (invocation) => listAbstractions(ALL, invocation));
  return events.flatMap((event) => (event.event === "abstraction" ? [`${event.fullPath} ${event.type}`] : [])).sort();
}

describe("release-stale", () => {
  test("releases what is stale, and nothing else", async () => {
    const sim = world();
    const before = await onDisk(sim);
    const { log, stdout, error } = await release(sim, { what: "stale", orphans: false });
    expect(error).toBeUndefined();
    expect(stdout).toHaveLength(3);
    expect(log).toEqual([
      "warn: 2 orphans left alone: look at them with abstraction list, add --orphans to release them",
    ]);
    const after = await onDisk(sim);
    expect(before.filter((line) => !after.includes(line))).toEqual([
      "back/sink/c/tank/a@2 last-received-hold",
      `tank/a#zrepl_CURSOR_G_${G(sim, "tank/a@2")}_J_prod replication-cursor-bookmark-v2`,
      "tank/a@3 step-hold",
    ]);
    expect(sim.exec(["zfs", "holds", "-H", "tank/a@4"]).stdout).toContain("a user's");
  });

  test("releases orphans when told to", async () => {
    const sim = world();
    await release(sim, { what: "stale", orphans: true });
    expect((await onDisk(sim)).filter((line) => line.includes("tank/old"))).toEqual([]);
  });

  test("shows with --dry-run what it would do, and does nothing", async () => {
    const sim = world();
    const before = sim.snapshotState();
    const { stdout, runner } = await release(sim, { what: "stale", orphans: true }, {}, true);
    expect(stdout).toHaveLength(5);
    expect(stdout[0]).toBe(
      'would release last-received-hold "zrepl_last_received_J_vault" on back/sink/c/tank/a@2 (stale: there is a newer last-received hold)',
    );
    expect(runner.mutations).toBe(0);
    expect(sim.snapshotState()).toBe(before);
  });

  test("takes a few processes for many holds", async () => {
    const sim = world();
    for (let n = 0; n < 40; n++) {
      play(sim, `+ "tank/a/f${n}"`);
      for (const snapshot of [1, 2])
        play(sim, `+ "tank/a/f${n}@${snapshot}"\n+ "tank/a/f${n}@${snapshot}" "zrepl_STEP_J_prod"`);
    }
    const place = { sim, config: await configOfJobs(jobs("tank/a<"), lockFolder()) };
    const filter = { ...ALL, filesystems: parseFilesystems("tank/a<:ok,tank/a:!") };
    const { runner } = await invoke(place, (invocation) =>
      releaseMatching(filter, { what: "stale", orphans: false }, invocation),
    );
    expect(runner.operations.map((operation) => operation.split(" ", 2)[1])).toEqual([
      "list",
      "holds",
      "list",
      "release",
    ]);
    expect((await onDisk(sim)).filter((line) => /tank\/a\/f.*@1/.test(line))).toEqual([]);
  });
});

describe("release-all", () => {
  test("releases all that are not orphans", async () => {
    const sim = world();
    await release(sim, { what: "all", orphans: false });
    expect((await onDisk(sim)).map((line) => line.split(/[@#]/)[0])).toEqual(["tank/old", "tank/old"]);
  });

  test("leaves a bookmark alone that is another one by now", async () => {
    const sim = world();
    const name = `tank/a#zrepl_CURSOR_G_${G(sim, "tank/a@3")}_J_prod`;
    const place = { sim, config: await configOfJobs(jobs("tank/a"), lockFolder()) };
    const swap = () => {
      sim.exec(["zfs", "destroy", name]);
      sim.exec(["zfs", "bookmark", "tank/a@1", name]);
    };
    const faults = new Map([[2, { kind: "user" as const, act: swap }]]);
    const filter = { ...ALL, types: parseTypes(["replication-cursor-bookmark-v2"]) };
    const { log, error } = await invoke({ ...place, faults }, (invocation) =>
      releaseMatching(filter, { what: "all", orphans: false }, invocation),
    );
    expect(error?.message).toMatch(/1 abstraction of \d+ could not be released/);
    expect(log.join()).toContain(
      `cannot release replication-cursor-bookmark-v2 ${name}: another bookmark has this name now`,
    );
    expect(sim.exec(["zfs", "list", "-H", "-t", "bookmark", "-o", "name", name]).stdout.trim()).toBe(name);
  });

  test.each([
    ["prod", "job-prod"],
    ["vault", "job-prod"],
    ["vault", "job-vault"],
  ])("releases nothing of %s while %s is locked", async (job, lock) => {
    const sim = world();
    const before = sim.snapshotState();
    const dir = lockFolder();
    const config = await configOfJobs(jobs("tank/a"), dir);
    const signal = new AbortController().signal;
    const held = { dir, name: lock, command: "push", waitSec: 0, signal, onLost: () => undefined };
    const filter = { ...ALL, jobs: [job], types: parseTypes(["last-received-hold,step-hold"]) };
    const { error } = await withLock(held, () =>
      invoke({ sim, config }, (invocation) => releaseMatching(filter, { what: "all", orphans: false }, invocation)),
    );
    expect(error).toBeInstanceOf(LockedError);
    expect(sim.snapshotState()).toBe(before);
  });
});
