/** One invocation of a story on the simulated ZFS, with what it said. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Config } from "../src/config/config.ts";
import type { Invocation } from "../src/invocation.ts";
import { describeEvent } from "../src/report/describe-event.ts";
import type { Event } from "../src/report/events.ts";
import { load } from "./config/files.ts";
import { Crash, type Fault, SimRunner } from "./crash/sim-runner.ts";
import type { ZfsSimulator } from "./sim/simulator.ts";

/** A folder for locks, gone after the test. */
export function lockFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "zrepl-run-locks-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The config of these jobs. */
export function configOfJobs(jobs: readonly Readonly<Record<string, unknown>>[], lockDir: string): Promise<Config> {
  return load(JSON.stringify({ global: { lock_dir: lockDir }, jobs }));
}

export interface SimInvocation {
  readonly sim: ZfsSimulator;
  readonly config: Config;
  readonly dryRun?: boolean;
  readonly faults?: ReadonlyMap<number, Fault>;
  readonly check?: (sim: ZfsSimulator) => void;
}

export interface Outcome {
  readonly runner: SimRunner;
  readonly events: readonly Event[];
  /** Results for people, as on stdout. */
  readonly stdout: readonly string[];
  /** `level: message` */
  readonly log: readonly string[];
  /** undefined = it went well. */
  readonly error: Error | undefined;
}

export async function invoke(
  { sim, config, dryRun = false, faults, check }: SimInvocation,
  body: (invocation: Invocation) => Promise<unknown>,
): Promise<Outcome> {
  const runner = new SimRunner({
    sim,
    ...(faults === undefined ? {} : { faults }),
    ...(check === undefined ? {} : { check }),
  });
  const events: Event[] = [];
  const interrupt = new AbortController();
  // a dead process starts nothing more: like a signal, it ends the story at once
  const dies = (error: unknown): never => {
    if (error instanceof Crash) interrupt.abort(error);
    throw error;
  };
  const invocation: Invocation = {
    config,
    runner: {
      run: (argv, options) => runner.run(argv, options).catch(dies),
      transfer: (source, sink, options) => runner.transfer(source, sink, options).catch(dies),
    },
    reporter: { emit: (event) => events.push(event), progress: () => undefined, wantsText: true },
    dryRun,
    lockWaitSec: 0,
    interrupted: interrupt.signal,
    timeUp: new AbortController().signal,
    abort: (error) => interrupt.abort(error),
    nowMs: () => sim.nowSec * 1000,
    command: "test",
  };
  let error: Error | undefined;
  try {
    await body(invocation);
  } catch (caught) {
    if (!(caught instanceof Error)) throw caught;
    error = caught;
  }
  const described = events.map(describeEvent);
  return {
    runner,
    events,
    stdout: described.flatMap(({ result }) => (result === undefined ? [] : [result.text])),
    log: described.flatMap(({ log }) => (log === undefined ? [] : [`${log.level}: ${log.message}`])),
    error,
  };
}
