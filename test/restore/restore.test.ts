import { beforeEach, describe, expect, test } from "vitest";
import type { Config, PullJob, PushJob } from "../../src/config/config.ts";
import { FailedError, NothingMatchedError, PartialFailure, UsageError } from "../../src/errors.ts";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { RestoreRequest } from "../../src/restore/choose.ts";
import { listRestorable, restore } from "../../src/restore/run.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { cursorAt, LAST_RECEIVED, Lab, PUSH_JOB, RECEIVER, SINK_JOB } from "../scenarios/lab.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const KEEP = [{ type: "regex", regex: ".*" }];
const LOCAL = { type: "local", listener_name: "here" };

const CRASHES: readonly Fault[] = [
  { kind: "crash", when: "before" },
  { kind: "crashMid", bytes: 300_000 },
  { kind: "crash", when: "after" },
];

let lab: Lab;
let config: Config;
let job: PushJob;

/** Two filesystems with two snapshots each, replicated one after the other. */
beforeEach(async () => {
  lab = new Lab(`
    + "src/data"
    + "src/data/a"
    > "src/data/a" 1M
    + "src/data@1"
    + "src/data/a@1"`);
  config = await configOfJobs(
    [
      {
        ...{ type: "push", name: PUSH_JOB, connect: { ...LOCAL, client_identity: "my client" } },
        ...{ filesystems: { "src<": true, src: false }, snapshotting: { type: "manual" } },
        pruning: { keep_sender: KEEP, keep_receiver: KEEP },
        replication: { retry: { attempts: 1 } },
      },
      {
        ...{ type: "sink", name: SINK_JOB, serve: LOCAL, root_fs: "dst/the sink" },
        recv: { placeholder: { encryption: "inherit" } },
      },
    ],
    lockFolder(),
  );
  job = config.jobs[0] as PushJob;
  await push();
  lab.play('> "src/data/a" 1M\n+ "src/data@2"\n+ "src/data/a@2"');
  await push();
});

async function push() {
  const outcome = await invoke({ sim: lab.sim, config }, (invocation) => replicateLocked(job, invocation));
  expect(outcome.error).toBeUndefined();
  return outcome.events.flatMap((event) =>
    event.event === "stepStarted" ? [`${event.filesystem} ${event.from ?? "full"} → ${event.to}`] : [],
  );
}

interface Options extends Partial<RestoreRequest> {
  readonly dryRun?: boolean;
  readonly faults?: ReadonlyMap<number, Fault>;
}

function run(filesystem: string, { dryRun = false, faults = new Map(), ...request }: Options = {}) {
  return invoke({ sim: lab.sim, config, dryRun, faults }, (invocation) =>
    restore(job, { filesystem, recursive: false, ontoOriginal: false, ...request }, invocation),
  );
}

describe("a filesystem that is gone", () => {
  test("comes back, and the next push is incremental", async () => {
    const content = lab.content("src/data/a");
    lab.play('- "src/data/a"');
    const { error, log } = await run("src/data/a");
    expect(error).toBeUndefined();
    expect(log).toContain("info: src/data/a: restored as src/data/a@2");
    expect(lab.content("src/data/a")).toEqual(content);
    expect(lab.snapshots("src/data/a")).toEqual(["2"]);
    expect(lab.bookmarks("src/data/a")).toEqual([cursorAt("2")]);
    expect(lab.holds(`${RECEIVER}/src/data/a`)).toEqual([`@2: ${LAST_RECEIVED}`]);
    lab.play('> "src/data/a" 1M\n+ "src/data/a@3"');
    expect(await push()).toEqual(["src/data/a @2 → @3"]);
  });

  test("comes back with what is below it", async () => {
    lab.play('- "src/data"');
    const { error, stdout } = await run("src/data", { recursive: true });
    expect(error).toBeUndefined();
    expect(stdout).toEqual([`${PUSH_JOB}: restored 2 filesystems, not mounted (zfs mount -a)`]);
    expect(lab.snapshots("src/data/a")).toEqual(["2"]);
    expect(await push()).toEqual([]);
  });

  test("comes back as it was at a snapshot, or at a time", async () => {
    const { creationSec } = lab.snapshot(`${RECEIVER}/src/data/a@1`);
    lab.play('- "src/data/a"');
    expect((await run("src/data/a", { snapshot: "1", to: "src/x" })).error).toBeUndefined();
    expect((await run("src/data/a", { atSec: creationSec, to: "src/y" })).error).toBeUndefined();
    for (const name of ["src/x", "src/y"]) {
      expect(lab.snapshots(name)).toEqual(["1"]);
      expect(lab.bookmarks(name)).toEqual([]);
    }
  });

  test("is warned of where its replica has newer snapshots", async () => {
    lab.play('- "src/data/a"');
    const { log } = await run("src/data/a", { snapshot: "1" });
    expect(log.join("\n")).toContain("its replica has 1 newer snapshot: the next replication will report");
  });

  test("comes back by the next run, wherever the first one was stopped", async () => {
    lab.play('- "src/data/a"');
    const start = lab.sim.snapshotState();
    const { runner, error } = await run("src/data/a");
    expect(error).toBeUndefined();
    const wanted = [lab.bookmarks("src/data/a"), lab.holds(`${RECEIVER}/src/data/a`)];
    for (let operation = 0; operation < runner.operations.length; operation++)
      for (const fault of CRASHES) {
        lab.sim.world = JSON.parse(start);
        await run("src/data/a", { faults: new Map([[operation, fault]]) });
        expect((await run("src/data/a")).error).toBeUndefined();
        expect([lab.bookmarks("src/data/a"), lab.holds(`${RECEIVER}/src/data/a`)]).toEqual(wanted);
        expect(await push()).toEqual([]);
      }
  });

  test("is only told of with --dry-run", async () => {
    lab.play('- "src/data/a"');
    const { stdout, runner } = await run("src/data/a", { dryRun: true });
    expect(stdout[0]).toBe(`src/data/a: from ${RECEIVER}/src/data/a`);
    expect(stdout[1]).toMatch(/^ {2}full @2 \(about \d/);
    expect(runner.mutations).toBe(0);
  });

  test("needs its parent", async () => {
    lab.play('- "src/data"');
    const { error, log } = await run("src/data/a");
    expect(error).toBeInstanceOf(FailedError);
    expect(log.join("\n")).toContain("zfs create -p src/data");
  });
});

describe("a filesystem that exists", () => {
  test("is left alone, with the choices", async () => {
    lab.play('- "src/data/a@2"');
    const { error, log, runner } = await run("src/data/a");
    expect(error).toBeInstanceOf(FailedError);
    expect(log.join("\n")).toContain("written since @1; restore beside it with --to NAME");
    expect(runner.mutations).toBe(0);
  });

  test("goes on from its newest snapshot where that is asked for", async () => {
    lab.play('$ zfs rollback -r "src/data/a@1"');
    const refused = await run("src/data/a");
    expect(refused.log.join("\n")).toContain("or bring it from @1 to @2 with --onto-original");
    const { error } = await run("src/data/a", { ontoOriginal: true });
    expect(error).toBeUndefined();
    expect(lab.snapshots("src/data/a")).toEqual(["1", "2"]);
    expect(lab.bookmarks("src/data/a")).toEqual([cursorAt("2")]);
    expect(await push()).toEqual([]);
  });

  test("is refused what was written since, also onto the original", async () => {
    lab.play('$ zfs rollback -r "src/data/a@1"\n> "src/data/a" 1M');
    const { error, runner } = await run("src/data/a", { ontoOriginal: true });
    expect(error).toBeInstanceOf(FailedError);
    expect(runner.mutations).toBe(0);
  });

  test("is refused newer snapshots", async () => {
    lab.play('+ "src/data/a@3"');
    const { error, log } = await run("src/data/a", { ontoOriginal: true });
    expect(error).toBeInstanceOf(FailedError);
    expect(log.join("\n")).toContain("src/data/a exists with 1 snapshot since @2, the first of them @3");
  });

  test("is told to be there already", async () => {
    const { error, log } = await run("src/data/a");
    expect(error).toBeUndefined();
    expect(log).toEqual(["info: src/data/a: src/data/a is there already, at @2"]);
  });

  test("lets the others be restored", async () => {
    lab.play('- "src/data/a"\n+ "src/data@3"');
    const { error } = await run("src/data", { recursive: true });
    expect(error).toBeInstanceOf(PartialFailure);
    expect(lab.snapshots("src/data/a")).toEqual(["2"]);
  });

  test("is not overwritten by another one's restore", async () => {
    lab.play('+ "src/other"');
    const { error, log } = await run("src/data/a", { to: "src/other" });
    expect(error).toBeInstanceOf(FailedError);
    expect(log.join("\n")).toContain("src/other exists and has no snapshots");
  });
});

test("nothing is restored among the replicas", async () => {
  const { error, log } = await run("src/data/a", { to: `${RECEIVER}/src/data/b` });
  expect(error).toBeInstanceOf(FailedError);
  expect(log.join("\n")).toContain("is where the replicas are");
});

test("what the receiver does not have is named", async () => {
  expect((await run("src/nothing")).error).toBeInstanceOf(NothingMatchedError);
  expect((await run("src/data/a", { snapshot: "9" })).error?.message).toBe(
    "src/data/a: the receiver has no snapshot @9 of it",
  );
});

test("--list shows what there is, the newest first", async () => {
  const { stdout } = await invoke({ sim: lab.sim, config }, (invocation) =>
    listRestorable(job, { filesystem: "src/data/a", recursive: false }, invocation),
  );
  const [text = "", ...more] = stdout;
  expect(more).toEqual([]);
  expect(text.split("\n").map((line) => line.replace(/\d{4}-.* UTC/, "TIME"))).toEqual([
    `src/data/a, from ${RECEIVER}/src/data/a`,
    "  TIME  @2",
    "  TIME  @1",
  ]);
});

test("what was pulled from another host comes back by commands that are shown", async () => {
  const ssh = { type: "ssh+stdinserver", host: "far", user: "root", port: 2222, identity_file: "/k" };
  const pruning = { keep_sender: KEEP, keep_receiver: KEEP };
  const pulling = await configOfJobs(
    [{ type: "pull", name: "my pull", connect: ssh, root_fs: "dst/the sink/my client", interval: "manual", pruning }],
    lockFolder(),
  );
  const request = { filesystem: "src/data", recursive: true, ontoOriginal: false };
  const { error, runner } = await invoke({ sim: lab.sim, config: pulling }, (invocation) =>
    restore(pulling.jobs[0] as PullJob, request, invocation),
  );
  expect(error).toBeInstanceOf(UsageError);
  expect((error as UsageError).hint?.split("\n    ").slice(1)).toEqual([
    "zfs send -v -L 'dst/the sink/my client/src/data@2' | ssh -p 2222 root@far 'zfs recv -s -u src/data'",
    "zfs send -v -L 'dst/the sink/my client/src/data/a@2' | ssh -p 2222 root@far 'zfs recv -s -u src/data/a'",
    "zrepl-run adopt 'my pull' --filesystem src/data --filesystem src/data/a",
  ]);
  expect(runner.mutations).toBe(0);
});
