import { beforeEach, describe, expect, test } from "vitest";
import type { Config, PushJob } from "../../src/config/config.ts";
import { PartialFailure } from "../../src/errors.ts";
import { replicateLocked } from "../../src/replicate/run.ts";
import { verify } from "../../src/verify/run.ts";
import { LAST_RECEIVED, Lab, PUSH_JOB, RECEIVER, SINK_JOB } from "../scenarios/lab.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const LOCAL = { type: "local", listener_name: "here" };

let lab: Lab;
let config: Config;
let job: PushJob;

async function configure(keepReceiver: readonly object[]): Promise<void> {
  config = await configOfJobs(
    [
      {
        ...{ type: "push", name: PUSH_JOB, connect: { ...LOCAL, client_identity: "my client" } },
        ...{ filesystems: { "src<": true, src: false }, snapshotting: { type: "manual" } },
        pruning: { keep_sender: [{ type: "regex", regex: ".*" }], keep_receiver: keepReceiver },
      },
      {
        ...{ type: "sink", name: SINK_JOB, serve: LOCAL, root_fs: "dst/the sink" },
        recv: { placeholder: { encryption: "inherit" } },
      },
    ],
    lockFolder(),
  );
  job = config.jobs[0] as PushJob;
}

const push = () => invoke({ sim: lab.sim, config }, (invocation) => replicateLocked(job, invocation));
const run = () =>
  invoke({ sim: lab.sim, config }, (invocation) =>
    verify(job, { filesystems: [], samplePercent: undefined }, invocation),
  );

/** One filesystem with the snapshots 1, 2 and 3 on both sides. */
beforeEach(async () => {
  lab = new Lab('+ "src/a"\n> "src/a" 1M\n+ "src/a@1"');
  await configure([{ type: "regex", regex: ".*" }]);
  await push();
  lab.play('+ "src/a@2"\n+ "src/a@3"');
  await push();
});

test("says what was proved, and changes nothing", async () => {
  const { error, stdout, runner } = await run();
  expect(error).toBeUndefined();
  expect(stdout).toEqual([
    "src/a: 3 versions identical by guid",
    `${PUSH_JOB}: 3 versions of 1 filesystem identical by guid`,
  ]);
  expect(runner.mutations).toBe(0);
});

test("what is not replicated yet is no failure", async () => {
  lab.play('+ "src/a@4"');
  const { error, stdout } = await run();
  expect(error).toBeUndefined();
  expect(stdout[0]).toContain("note 1 newer snapshot not replicated yet");
});

describe("finds", () => {
  async function problems(): Promise<string> {
    const { error, events } = await run();
    expect(error).toBeInstanceOf(PartialFailure);
    return events.flatMap((event) => (event.event === "verified" ? event.problems : [])).join("\n");
  }

  test("a filesystem that the receiver does not have", async () => {
    lab.play('+ "src/b"\n+ "src/b@1"');
    expect(await problems()).toBe("not on the receiver yet; the next run sends it in full");
  });

  test("another snapshot of the same name", async () => {
    lab.play('- "src/a@2"\n$ zfs rename "src/a@3" "src/a@2"');
    expect(await problems()).toMatch(
      /^@2 is not the same on both sides: guid \d+ on the sender, \d+ on the receiver$/m,
    );
  });

  test("a gap that no keep rule explains", async () => {
    lab.play(`- "${RECEIVER}/src/a@2"`);
    expect(await problems()).toBe("@2 is not on the receiver, although keep_receiver keeps it");
    await configure([{ type: "last_n", count: 1 }]);
    expect((await run()).error, "the rule does not want it").toBeUndefined();
    await configure([{ type: "grid", grid: "1x1h", regex: ".*" }]);
    expect((await run()).error, "a grid's edges move").toBeUndefined();
    await configure([{ type: "grid", grid: "1x1h(keep=all)", regex: ".*" }]);
    expect(await problems()).toContain("@2 is not on the receiver");
  });

  test("a receiver with snapshots of its own", async () => {
    lab.play(`+ "${RECEIVER}/src/a@mine"`);
    expect(await problems()).toContain("diverged: the receiver has 1 snapshot(s) after the last common one (@3)");
  });

  test("a cursor and a hold that are gone", async () => {
    const [cursor] = lab.dataset("src/a").bookmarks;
    lab.play(`- "src/a#${cursor?.name}"\n- "${RECEIVER}/src/a@3" "${LAST_RECEIVED}"`);
    expect(await problems()).toBe(
      "the sender's cursors and step holds are not those of @3; the next run puts that right\nthe last-received hold is not just on @3; the next run puts that right",
    );
  });
});
