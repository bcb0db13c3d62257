/** One invocation of the push job on the simulated ZFS. */
import type { Invocation, PhaseResult } from "../../src/invocation.ts";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { Event } from "../../src/report/events.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import type { Scenario } from "./scenario.ts";
import { Crash, type Fault, SimRunner } from "./sim-runner.ts";

export interface PushOutcome {
  readonly runner: SimRunner;
  /** undefined = it died. */
  readonly result: PhaseResult | undefined;
  readonly error: Error | undefined;
  readonly events: readonly Event[];
}

/** Everything asked for is done. */
export function isClean(outcome: PushOutcome): boolean {
  return outcome.error === undefined && outcome.result?.failed === 0;
}

export async function push(
  { job, config }: Pick<Scenario, "job" | "config">,
  sim: ZfsSimulator,
  faults?: ReadonlyMap<number, Fault>,
  check?: (sim: ZfsSimulator) => void,
): Promise<PushOutcome> {
  const runner = new SimRunner({
    sim,
    ...(faults === undefined ? {} : { faults }),
    ...(check === undefined ? {} : { check }),
  });
  const events: Event[] = [];
  const interrupt = new AbortController();
  const invocation: Invocation = {
    config,
    runner: {
      // a dead process starts nothing more: like a signal, it ends the story at once
      run: (argv, options) => runner.run(argv, options).catch((error) => abortWith(interrupt, error)),
      transfer: (source, sink, options) =>
        runner.transfer(source, sink, options).catch((error) => abortWith(interrupt, error)),
    },
    reporter: { emit: (event) => events.push(event), progress: () => undefined, wantsText: false },
    dryRun: false,
    lockWaitSec: 0,
    interrupted: interrupt.signal,
    timeUp: new AbortController().signal,
    abort: (error) => interrupt.abort(error),
    nowMs: () => sim.nowSec * 1000,
    command: "test",
  };
  try {
    return { runner, result: await replicateLocked(job, invocation), error: undefined, events };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { runner, result: undefined, error, events };
  }
}

function abortWith(controller: AbortController, error: unknown): never {
  if (error instanceof Crash) controller.abort(error);
  throw error;
}
