import { describe, expect, test } from "vitest";
import { adopt } from "../../src/adopt/run.ts";
import { prune } from "../../src/prune/run.ts";
import type { RestoreRequest } from "../../src/restore/choose.ts";
import { listRestorable, restore } from "../../src/restore/run.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { invoke, lockFolder } from "../sim-invocation.ts";
import { type Changes, configOf, LAST_RECEIVED, Lab, PUSH_JOB, RECEIVER } from "./lab.ts";

const RECV = { placeholder: { encryption: "inherit" } };
const ONE: Changes = {
  sink: { recv: { ...RECV, strip_prefix: 1 } },
  push: { replication: { retry: { attempts: 1 } } },
};

const SCRIPT = `
  + "src/db"
  + "src/db/pg"
  > "src/db/pg" 1M
  + "src/db/pg@1"`;

/** One command with the lab's jobs. */
async function command(lab: Lab, changes: Changes, run: "prune" | "adopt" | "list" | RestoreRequest) {
  const { config, job } = await configOf(changes);
  const here = { ...config, global: { ...config.global, lockDir: lockFolder() } };
  return invoke({ sim: lab.sim, config: here }, async (invocation) => {
    if (run === "prune") await prune(job, {}, invocation);
    else if (run === "adopt") await adopt(job, [], invocation);
    else if (run === "list") await listRestorable(job, { filesystem: undefined, recursive: false }, invocation);
    else await restore(job, run, invocation);
  });
}

test("filesystems land without the beginning of their names, and go on from there", async () => {
  const lab = new Lab(SCRIPT);
  expect((await lab.succeed(ONE)).started).toEqual(["src/db/pg full → @1"]);
  expect(lab.received).toEqual(["db", "db/pg"]);
  lab.play('+ "src/db/pg@2"\n+ "src/db@2"');
  // the sender has snapshots now of what was only a placeholder
  expect([...(await lab.succeed(ONE)).started].sort()).toEqual(["src/db full → @2", "src/db/pg @1 → @2"]);
  expect((await lab.succeed(ONE)).started).toEqual([]);
});

test("an interrupted transfer is resumed there", async () => {
  const lab = new Lab(SCRIPT);
  await lab.push({ ...ONE, troubles: [{ at: /zfs send .*src\/db\/pg@1/, what: { kind: "cut", bytes: 500_000 } }] });
  expect((await lab.succeed(ONE)).started).toEqual(["resume src/db/pg full → @1"]);
});

test("a pull does it, too", async () => {
  const lab = new Lab(SCRIPT);
  const pull: Changes = {
    pull: { recv: { ...RECV, strip_prefix: 2 } },
    source: { filesystems: { "src/db/pg": true } },
  };
  expect((await lab.succeed(pull)).started).toEqual(["src/db/pg full → @1"]);
  expect(lab.snapshots("dst/the sink/pg")).toEqual(["1"]);
  expect((await lab.succeed(pull)).started).toEqual([]);
});

test("what nothing is left of, and two for one place, are refused, and the others replicated", async () => {
  const lab = new Lab(
    `${SCRIPT}\n+ "src/x"\n+ "src/x/pg"\n+ "src/x/pg@1"\n+ "src/x/own"\n+ "src/x/own@1"\n+ "src/x@1"`,
  );
  const { failures, started } = await lab.push({ ...ONE, sink: { recv: { ...RECV, strip_prefix: 2 } } });
  const both = `recv.strip_prefix leads src/db/pg and src/x/pg to the same place, ${RECEIVER}/pg`;
  expect(failures).toMatchObject({
    "src/db/pg": both,
    "src/x/pg": both,
    "src/x":
      "recv.strip_prefix: 2 leaves nothing of src/x; exclude it in filesystems, or say with recv.root_mapping where it goes",
  });
  expect(started).toEqual(["src/x/own full → @1"]);
});

describe("pruning", () => {
  const PRUNED: Changes = {
    ...ONE,
    push: {
      ...ONE.push,
      pruning: { keep_sender: [{ type: "regex", regex: ".*" }], keep_receiver: [{ type: "last_n", count: 1 }] },
    },
  };

  test("goes by what the sender has", async () => {
    const lab = new Lab(SCRIPT);
    await lab.succeed(ONE);
    lab.play('+ "src/db/pg@2"\n+ "src/db/pg@3"');
    await lab.succeed(ONE);
    expect((await command(lab, PRUNED, "prune")).error).toBeUndefined();
    expect(lab.snapshots(`${RECEIVER}/db/pg`)).toEqual(["3"]);
    expect(lab.snapshots("src/db/pg")).toEqual(["1", "2", "3"]);
  });

  test("leaves alone what may be the replica of either of two", async () => {
    const lab = new Lab(SCRIPT);
    await lab.succeed(ONE);
    lab.play('+ "src/db/pg@2"');
    await lab.succeed(ONE);
    lab.play('+ "src/x"\n+ "src/x/pg"\n+ "src/x/pg@9"');
    const two = { ...PRUNED, sink: { recv: { ...RECV, strip_prefix: 2 } } };
    lab.play(`+ "${RECEIVER}/pg"\n+ "${RECEIVER}/pg@1"\n+ "${RECEIVER}/pg@2"`);
    await command(lab, two, "prune");
    expect(lab.snapshots(`${RECEIVER}/pg`)).toEqual(["1", "2"]);
  });
});

describe("a restore", () => {
  const request = { filesystem: "src/db/pg", recursive: false, ontoOriginal: false };

  test("takes what was stripped from the name that is asked for", async () => {
    const lab = new Lab(SCRIPT);
    await lab.succeed(ONE);
    const content = lab.content("src/db/pg");
    lab.play('- "src/db/pg"');
    expect((await command(lab, ONE, request)).error).toBeUndefined();
    expect(lab.content("src/db/pg")).toEqual(content);
    lab.play('+ "src/db/pg@2"');
    expect((await lab.succeed(ONE)).started).toEqual(["src/db/pg @1 → @2"]);
  });

  test("goes on where it was cut", async () => {
    let cut = 0;
    for (let operation = 0; operation < 20; operation++) {
      const lab = new Lab(SCRIPT);
      await lab.succeed(ONE);
      const content = lab.content("src/db/pg");
      lab.play('- "src/db/pg"');
      const { config, job } = await configOf(ONE);
      const here = { ...config, global: { ...config.global, lockDir: lockFolder() } };
      const run = (faults: ReadonlyMap<number, Fault>) =>
        invoke({ sim: lab.sim, config: here, faults }, (invocation) => restore(job, request, invocation));
      const first = await run(new Map([[operation, { kind: "crashMid", bytes: 300_000 }]]));
      if (first.error === undefined) continue; // no stream was under way
      cut++;
      expect((await run(new Map())).error).toBeUndefined();
      expect(lab.content("src/db/pg")).toEqual(content);
      lab.play('+ "src/db/pg@2"');
      expect((await lab.succeed(ONE)).started).toEqual(["src/db/pg @1 → @2"]);
    }
    expect(cut).toBe(1);
  });

  test("lists what it can't know as *", async () => {
    const lab = new Lab(SCRIPT);
    await lab.succeed(ONE);
    const { events } = await command(lab, ONE, "list");
    expect(events).toContainEqual(
      expect.objectContaining({
        event: "restorable",
        job: PUSH_JOB,
        filesystem: "*/db/pg",
        replica: `${RECEIVER}/db/pg`,
      }),
    );
  });
});

test("a replica of another tool is adopted where it is", async () => {
  const lab = new Lab(SCRIPT);
  const protection = { initial: "guarantee_nothing", incremental: "guarantee_nothing" };
  await lab.succeed({ ...ONE, push: { replication: { protection } } });
  const { error, log } = await command(lab, ONE, "adopt");
  expect(error).toBeUndefined();
  expect(log.join("\n")).toContain("src/db/pg: adopted at @1");
  expect(lab.snapshot(`${RECEIVER}/db/pg@1`).holds).toHaveProperty(LAST_RECEIVED);
});
