import { beforeEach, describe, expect, test } from "vitest";
import { adopt } from "../../src/adopt/run.ts";
import type { Config, PushJob } from "../../src/config/config.ts";
import { NothingMatchedError, UsageError } from "../../src/errors.ts";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { cursorAt, LAST_RECEIVED, Lab, PUSH_JOB, RECEIVER, SINK_JOB } from "../scenarios/lab.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const KEEP = [{ type: "regex", regex: ".*" }];
const LOCAL = { type: "local", listener_name: "here" };

let lab: Lab;
let config: Config;
let job: PushJob;

async function configure(push: object = {}): Promise<void> {
  config = await configOfJobs(
    [
      {
        ...{ type: "push", name: PUSH_JOB, connect: { ...LOCAL, client_identity: "my client" } },
        ...{ filesystems: { "src<": true, src: false }, snapshotting: { type: "manual" } },
        pruning: { keep_sender: KEEP, keep_receiver: KEEP },
        ...push,
      },
      {
        type: "sink",
        name: SINK_JOB,
        serve: LOCAL,
        root_fs: "dst/the sink",
        recv: { placeholder: { encryption: "inherit" } },
      },
    ],
    lockFolder(),
  );
  job = config.jobs[0] as PushJob;
}

/** As any tool does it: `src/x` with its snapshots to `RECEIVER/src/x`, up to the last of these. */
function replicate(filesystem: string, snapshots: readonly string[], target = `${RECEIVER}/${filesystem}`): void {
  lab.play(`$ zfs create -p "${target.replace(/\/[^/]*$/, "")}"`);
  let from: string | undefined;
  for (const snapshot of snapshots) {
    const base = from === undefined ? [] : ["-i", `@${from}`];
    const { recv } = lab.sim.pipe(
      ["zfs", "send", ...base, `${filesystem}@${snapshot}`],
      ["zfs", "recv", `${target}@${snapshot}`],
    );
    if (recv.exitCode !== 0) throw new Error(recv.stderr);
    from = snapshot;
  }
}

function run(options: { only?: readonly string[]; dryRun?: boolean; faults?: ReadonlyMap<number, Fault> } = {}) {
  const { only = [], ...rest } = options;
  return invoke({ sim: lab.sim, config, ...rest }, (invocation) => adopt(job, only, invocation));
}

const push = () => invoke({ sim: lab.sim, config }, (invocation) => replicateLocked(job, invocation));

const sent = (events: Awaited<ReturnType<typeof push>>["events"]) =>
  events.flatMap((event) =>
    event.event === "stepStarted" ? [`${event.filesystem} ${event.from ?? "full"} → ${event.to}`] : [],
  );

beforeEach(async () => {
  lab = new Lab(`
    + "src/a"
    > "src/a" 1M
    + "src/a@syncoid_1"
    + "src/a@syncoid_2"
    + "src/a@syncoid_3"`);
  await configure();
});

describe("a replica of another tool", () => {
  test("gets cursor and hold on the newest common snapshot, and the first run is incremental", async () => {
    replicate("src/a", ["syncoid_1", "syncoid_2"]);
    const { error, log } = await run();
    expect(error).toBeUndefined();
    expect(log).toEqual(["info: src/a: adopted at @syncoid_2; the first run sends 1 newer snapshot"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("syncoid_2")]);
    expect(lab.holds(`${RECEIVER}/src/a`)).toEqual([`@syncoid_2: ${LAST_RECEIVED}`]);
    lab.play('- "src/a@syncoid_2"'); // the other tool's pruning
    const [bookmark] = lab.dataset("src/a").bookmarks;
    expect(sent((await push()).events)).toEqual([`src/a #${bookmark?.name} → @syncoid_3`]);
  });

  test("is known by guid, whatever the snapshots are called", async () => {
    replicate("src/a", ["syncoid_1"]);
    lab.play(`$ zfs rename "src/a@syncoid_1" "src/a@mine"`);
    expect((await run()).log).toEqual([
      "info: src/a: adopted at @mine (@syncoid_1 on the receiver); the first run sends 2 newer snapshots",
    ]);
    expect(lab.holds(`${RECEIVER}/src/a`)).toEqual([`@syncoid_1: ${LAST_RECEIVED}`]);
  });

  test("is adopted at a bookmark where the snapshot is gone", async () => {
    replicate("src/a", ["syncoid_1", "syncoid_2"]);
    lab.play('+ "src/a#theirs" "src/a@syncoid_2"\n- "src/a@syncoid_2"');
    expect((await run()).log).toEqual([
      "info: src/a: adopted at #theirs (@syncoid_2 on the receiver); the first run sends 1 newer snapshot",
    ]);
    expect(lab.bookmarks("src/a")).toEqual(["theirs", cursorAt("syncoid_2")]);
  });

  test("is left alone by a second run", async () => {
    replicate("src/a", ["syncoid_1"]);
    await run();
    const again = await run();
    expect(again.log).toEqual(["info: src/a: is adopted already at @syncoid_1; the first run sends 2 newer snapshots"]);
    expect(again.runner.mutations).toBe(0);
  });

  test("is only told of with --dry-run", async () => {
    replicate("src/a", ["syncoid_1"]);
    const { stdout, runner } = await run({ dryRun: true });
    expect(stdout).toEqual(["src/a: would be adopted at @syncoid_1; the first run sends 2 newer snapshots"]);
    expect(runner.mutations).toBe(0);
  });

  test("is adopted by a second run wherever the first one was stopped", async () => {
    replicate("src/a", ["syncoid_1"]);
    const start = lab.sim.snapshotState();
    const operations = (await run()).runner.operations.length;
    const wanted = [lab.bookmarks("src/a"), lab.holds(`${RECEIVER}/src/a`)];
    for (let operation = 0; operation < operations; operation++)
      for (const when of ["before", "after"] as const) {
        lab.sim.world = JSON.parse(start);
        await run({ faults: new Map([[operation, { kind: "crash", when }]]) });
        const covered = lab.bookmarks("src/a").length <= lab.holds(`${RECEIVER}/src/a`).length;
        expect(covered, "the cursor is not ahead of the hold").toBe(true);
        expect((await run()).error).toBeUndefined();
        expect([lab.bookmarks("src/a"), lab.holds(`${RECEIVER}/src/a`)]).toEqual(wanted);
      }
  });
});

describe("says why not:", () => {
  test("nothing in common", async () => {
    lab.play(`+ "${RECEIVER}/src/a"\n+ "${RECEIVER}/src/a@x"`);
    const { log, error } = await run();
    expect(log).toEqual([
      `error: src/a: not adopted: no snapshot of ${RECEIVER}/src/a is on the sender, neither is a bookmark of one`,
    ]);
    expect(error?.message).toContain("1 failed");
  });

  test("the receiver has newer ones of its own", async () => {
    replicate("src/a", ["syncoid_1"]);
    lab.play(`+ "${RECEIVER}/src/a@auto_1"\n+ "${RECEIVER}/src/a@auto_2"`);
    expect((await run()).log).toEqual([
      `error: src/a: not adopted: ${RECEIVER}/src/a has 2 newer snapshots than the last common one, @syncoid_1, the first of them @auto_1: only after a rollback can anything be received into it`,
    ]);
    expect(lab.bookmarks("src/a")).toEqual([]);
  });

  test("the replica has another name", async () => {
    replicate("src/a", ["syncoid_1"], `${RECEIVER}/copy`);
    expect((await run()).log).toEqual([
      `error: src/a: not adopted: its replica is ${RECEIVER}/copy, the job wants it at ${RECEIVER}/src/a: zfs rename it`,
    ]);
  });

  test("there is none yet; the others are adopted", async () => {
    replicate("src/a", ["syncoid_1"]);
    lab.play('+ "src/b"\n+ "src/b@1"\n+ "src/c"');
    const { log, error } = await run();
    expect(error).toBeUndefined();
    expect(log).toEqual([
      "info: src/a: adopted at @syncoid_1; the first run sends 2 newer snapshots",
      `info: src/b: nothing to adopt: not on the receiver as ${RECEIVER}/src/b: the first run sends it in full`,
      `info: src/c: nothing to adopt: not on the receiver as ${RECEIVER}/src/c: the first run sends it in full`,
    ]);
  });
});

test("--filesystem limits it", async () => {
  lab.play('+ "src/b"\n+ "src/b@1"');
  for (const [fs, snapshot] of [
    ["src/a", "syncoid_1"],
    ["src/b", "1"],
  ] as const)
    replicate(fs, [snapshot]);
  await run({ only: ["src/b"] });
  expect([lab.bookmarks("src/a"), lab.bookmarks("src/b")]).toEqual([[], [cursorAt("1")]]);
  expect((await run({ only: ["src/nope"] })).error).toBeInstanceOf(NothingMatchedError);
});

test("a job that keeps neither cursor nor hold has nothing to adopt", async () => {
  await configure({ replication: { protection: { initial: "guarantee_nothing", incremental: "guarantee_nothing" } } });
  expect((await run()).error).toBeInstanceOf(UsageError);
});
