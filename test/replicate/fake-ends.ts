/** A sender, a receiver and a runner that only write down what is asked of them. */
import type { ConfirmedStep, Receiver, Sender, StepRequest, StreamFailure } from "../../src/endpoint/endpoint.ts";
import { type ExecuteOptions, executeReplication } from "../../src/replicate/execute.ts";
import type { ReplicationPlan } from "../../src/replicate/plan.ts";
import type { Runner } from "../../src/zfs/runner.ts";
import { relativeName } from "../../src/zfs/version.ts";

/** What goes wrong, by `fs@to` (or by filesystem for the bookkeeping). */
export interface Trouble {
  /** Instead of the transfer. */
  readonly transfer?: (step: string, signal: AbortSignal) => Promise<void>;
  readonly prepare?: ReadonlyMap<string, Error>;
  readonly confirm?: ReadonlyMap<string, Error>;
  readonly complete?: ReadonlyMap<string, Error>;
  readonly openReceive?: (step: string) => void;
  readonly judgeSink?: StreamFailure;
  readonly judgeSource?: StreamFailure;
  /** Lines of `zfs send -vP`. */
  readonly sourceLines?: readonly string[];
}

export interface FakeEnds {
  readonly log: string[];
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly runner: Runner;
}

const nameOf = ({ filesystem, to }: Pick<StepRequest, "filesystem" | "to">) => `${filesystem}${relativeName(to)}`;

export function fakeEnds(trouble: Trouble = {}): FakeEnds {
  const log: string[] = [];
  const unused = () => {
    throw new Error("not asked for in these tests");
  };
  const common = { job: "job", list: unused, destroySnapshots: unused };
  const confirmed = (step: ConfirmedStep) =>
    nameOf(step) + (step.unfinished === undefined ? "" : ` (unfinished ${nameOf(step.unfinished)})`);
  const source = (step: StepRequest) => ({ kind: "command" as const, argv: [nameOf(step)] });
  const sender: Sender = {
    ...common,
    ...{ decodeToken: unused, estimate: unused },
    prepare: async (steps) => {
      log.push(`prepare ${steps.map(nameOf).join(" ")}`);
      return trouble.prepare ?? new Map();
    },
    openSend: async (step) => ({ end: source(step), judge: async () => trouble.judgeSource, limit: undefined }),
    complete: async (steps) => {
      log.push(`complete ${steps.map(confirmed).join(" ")}`);
      return trouble.complete ?? new Map();
    },
  };
  const receiver: Receiver = {
    ...common,
    openReceive: async (step) => {
      trouble.openReceive?.(nameOf(step));
      return { end: source(step), judge: async () => trouble.judgeSink, limit: undefined };
    },
    confirm: async (steps) => {
      log.push(`confirm ${steps.map(confirmed).join(" ")}`);
      return trouble.confirm ?? new Map();
    },
    clearResumeState: async (filesystem) => {
      log.push(`clear ${filesystem}`);
    },
    rollback: async (filesystem, to) => {
      log.push(`rollback ${filesystem}${relativeName(to)}`);
    },
    setAside: async (filesystem, suffix) => {
      log.push(`set aside ${filesystem}${suffix}`);
    },
  };
  const runner: Runner = {
    run: unused,
    transfer: async (from, _to, options) => {
      const name = from.kind === "command" ? (from.argv[0] ?? "") : "";
      log.push(`transfer ${name}`);
      for (const line of trouble.sourceLines ?? []) options?.onSourceLine?.(line);
      const ended = { exitCode: 0, stdout: "", stderr: "" };
      await trouble.transfer?.(name, options?.signal ?? new AbortController().signal);
      options?.onSourceEnd?.();
      log.push(`end ${name}`);
      return { source: ended, sink: ended };
    },
  };
  return { log, sender, receiver, runner };
}

export interface Executed {
  readonly log: readonly string[];
  /** `fs: n steps` or `fs: n steps, message`. */
  readonly results: readonly string[];
}

/** Executes a plan on fake ends. */
export async function execute(
  plan: ReplicationPlan,
  ends: FakeEnds,
  options: Partial<ExecuteOptions> = {},
): Promise<Executed> {
  const never = new AbortController().signal;
  const results = await executeReplication(plan, {
    ...{ sender: ends.sender, receiver: ends.receiver, runner: ends.runner },
    ...{ concurrency: 1, stallTimeoutSec: 0, window: { maxSteps: 100, maxDelaySec: 100 } },
    ...{ interrupted: never, timeUp: never, nowMs: () => performance.now() },
    listener: { stepStarted: () => undefined, stepProgress: () => undefined, stepDone: () => undefined },
    ...options,
  });
  return {
    log: ends.log,
    results: results.map(
      ({ filesystem, stepsDone, error }) =>
        `${filesystem}: ${stepsDone}${error === undefined ? "" : `, ${error.message}`}`,
    ),
  };
}
