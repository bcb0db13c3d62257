import { expect, test } from "vitest";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { invoke } from "../sim-invocation.ts";
import { configOf, LAST_RECEIVED, Lab, RECEIVER } from "./lab.ts";

const SCRIPT = ["a", "b", "c"].flatMap((name) => [`+ "src/${name}"`, `+ "src/${name}@1"`]).join("\n");
const NEW = ["a", "b", "c"].map((name) => `+ "src/${name}@2"`).join("\n");

/** Replicated, with one new snapshot on each. */
async function ready(): Promise<Lab> {
  const lab = new Lab(SCRIPT);
  await lab.succeed();
  return lab.play(NEW);
}

async function push(lab: Lab, faults: ReadonlyMap<number, Fault> = new Map()) {
  const { config, job } = await configOf({ push: { replication: { retry: { attempts: 1 } } } });
  return invoke({ sim: lab.sim, config, faults }, (invocation) => replicateLocked(job, invocation));
}

test("one new snapshot on each of a subtree is held and released in as many txgs as on one", async () => {
  const { runner } = await push(await ready());
  const holds = runner.operations.filter((operation) => /^zfs (hold|release) /.test(operation));
  expect(holds).toEqual([
    "zfs hold -r zrepl_STEP_J_push job src@1 src@2",
    `zfs hold -r ${LAST_RECEIVED} ${RECEIVER}@2`,
    `zfs release -r ${LAST_RECEIVED} ${RECEIVER}@1`,
    "zfs release -r zrepl_STEP_J_push job src@1 src@2",
  ]);
});

test("a received snapshot that is gone before it is held is told of, and the one before stays held", async () => {
  const { runner } = await push(await ready());
  const hold = runner.operations.findIndex((operation) => operation.startsWith(`zfs hold -r ${LAST_RECEIVED}`));
  const lab = await ready();
  const destroy = () => void lab.sim.exec(["zfs", "destroy", `${RECEIVER}/src/b@2`]);
  const { events } = await push(lab, new Map([[hold, { kind: "user", act: destroy }]]));
  const failed = events.flatMap((event) => (event.event === "filesystemFailed" ? [event.filesystem] : []));
  expect(failed).toEqual(["src/b"]);
  expect(lab.snapshot(`${RECEIVER}/src/b@1`).holds).toHaveProperty(LAST_RECEIVED);
  expect(lab.snapshot(`${RECEIVER}/src/a@1`).holds).toEqual({});
  expect(lab.snapshot(`${RECEIVER}/src/a@2`).holds).toHaveProperty(LAST_RECEIVED);
});
