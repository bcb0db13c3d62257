/** Crash everywhere: one scenario, stopped at every operation in every way, run again until nothing fails (issue: engine). */

import { Random } from "../random.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { Violation, Watch } from "./invariants.ts";
import { isClean, push } from "./push.ts";
import { createScenario, growHistory, type Scenario } from "./scenario.ts";
import type { Fault } from "./sim-runner.ts";

export interface Exploration {
  /** Invocations with a fault in them. */
  readonly faulted: number;
  readonly runs: number;
}

/** Runs that may be needed until a run without faults is clean: one to repair, one to find nothing. */
const MAX_REPAIRS = 4;

const ERRORS = [
  "cannot open 'x': dataset does not exist",
  "cannot hold: permission denied",
  "cannot receive incremental stream: dataset is busy",
  "cannot receive new filesystem stream: out of space",
  "internal error: Input/output error",
];

/** Explores the scenario of one seed. @throws {Violation} */
export async function explore(seed: number): Promise<Exploration> {
  const random = new Random(seed);
  const scenario = createScenario(random);
  // Half of the scenarios start with a replica, so that steps are incremental.
  if (random.chance(0.5)) {
    await converge(scenario, scenario.sim, new Watch(scenario));
    growHistory(scenario.sim, random, 1 + random.below(2));
  }
  const dry = scenario.sim.clone();
  const clean = await push(scenario, dry);
  if (!isClean(clean))
    throw new Violation(`a run without faults failed: ${clean.error?.message ?? JSON.stringify(clean.events)}`, dry);
  const counts = { faulted: 0, runs: 1 };
  for (let operation = 0; operation < clean.runner.operations.length; operation++) {
    const isTransfer = clean.runner.operations[operation]?.includes(" | ") === true;
    for (const fault of faultsFor(isTransfer, random))
      await withFault(scenario, operation, fault, random, counts).catch((error: unknown) => {
        const where = `${JSON.stringify(fault)} at operation ${operation}: ${clean.runner.operations[operation]}`;
        throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error });
      });
  }
  return counts;
}

function faultsFor(isTransfer: boolean, random: Random): Fault[] {
  const faults: Fault[] = [
    { kind: "crash", when: "before" },
    { kind: "crash", when: "after" },
    { kind: "fail", stderr: random.pick(ERRORS) },
    { kind: "failAfter", stderr: random.pick(ERRORS) },
  ];
  if (!isTransfer) return faults;
  const bytes = () => random.below(random.chance(0.5) ? 600_000 : 5000);
  for (const kind of ["crashMid", "cut", "killSend", "killRecv"] as const) faults.push({ kind, bytes: bytes() });
  return faults;
}

async function withFault(
  scenario: Scenario,
  operation: number,
  fault: Fault,
  random: Random,
  counts: { faulted: number; runs: number },
): Promise<void> {
  const sim = scenario.sim.clone();
  const watch = new Watch({ ...scenario, sim });
  const check = (world: ZfsSimulator) => watch.check(world);
  counts.faulted++;
  counts.runs++;
  const first = await push(scenario, sim, new Map([[operation, fault]]), check);
  rethrowViolation(first.error);
  if (scenario.hostile && random.chance(0.7)) {
    counts.faulted++;
    counts.runs++;
    const meddling: Fault = { kind: "user", act: (world) => meddle(scenario, world, random, watch) };
    const operations = Array.from({ length: 4 }, (): [number, Fault] => [random.below(15), meddling]);
    rethrowViolation((await push(scenario, sim, new Map(operations), check)).error);
  }
  // A second accident on the way back, anywhere, of any kind; sometimes new snapshots in between.
  if (random.chance(0.3)) growHistory(sim, random, 1);
  if (random.chance(0.5)) {
    counts.faulted++;
    counts.runs++;
    const second = new Map([[random.below(12), random.pick(faultsFor(random.chance(0.5), random))]]);
    rethrowViolation((await push(scenario, sim, second, check)).error);
  }
  counts.runs += await converge(scenario, sim, watch);
}

/** A violation found between operations looks like a failed operation to the run that it happens in. */
function rethrowViolation(error: Error | undefined): void {
  if (error instanceof Violation) throw error;
}

/**
 * What users and pruning may do at any moment: destroy whatever zfs lets them, take snapshots. Not the receiver's newest
 * snapshot: that leaves a modified filesystem that only its owner can judge, and only until its hold is there can it be done.
 */
function meddle(scenario: Scenario, sim: ZfsSimulator, random: Random, watch: Watch): void {
  for (const pool of Object.values(sim.world.pools))
    for (const { name, snapshots } of Object.values(pool.datasets)) {
      const inReach = name.startsWith("dst/") ? snapshots.slice(0, -1) : snapshots;
      for (const victim of inReach.filter(() => random.chance(0.6)).map((snapshot) => snapshot.name))
        sim.exec(["zfs", "destroy", `${name}@${victim}`]);
    }
  if (random.chance(0.3)) growHistory(sim, random, 1);
  if (scenario.hostile) watch.resync(sim);
}

/** Runs without faults until one is clean, then once more: that one must find nothing to do. @returns how many runs */
export async function converge(scenario: Scenario, sim: ZfsSimulator, watch: Watch): Promise<number> {
  for (let run = 1; run <= MAX_REPAIRS; run++) {
    const outcome = await push(scenario, sim, undefined, (world) => watch.check(world));
    rethrowViolation(outcome.error);
    if (!isClean(outcome)) {
      if (run === MAX_REPAIRS)
        throw new Violation(`does not converge: ${outcome.error?.message ?? JSON.stringify(outcome.events)}`, sim);
      continue;
    }
    const again = await push(scenario, sim, undefined, (world) => watch.check(world));
    if (!isClean(again)) throw new Violation(`a second run failed: ${again.error?.message}`, sim);
    const third = again.runner.mutations === 0 ? again : await push(scenario, sim);
    if (third.runner.mutations > 0) throw new Violation(`never at rest: ${third.runner.operations.join("\n")}`, sim);
    watch.checkConverged(sim);
    return run + 2;
  }
  return MAX_REPAIRS;
}
