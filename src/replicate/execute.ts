/**
 * Does a replication plan, and makes no further choice. Steps run in windows: the bookkeeping (holds, cursors) of a
 * window is done for all its steps at once, in the order that keeps every base protected (design.md §4, group commit).
 */
import type { ConfirmedStep, FilesystemFailures, Receiver, Sender } from "../endpoint/endpoint.ts";
import { asError } from "../errors.ts";
import { inLogContext } from "../report/log-context.ts";
import type { Runner } from "../zfs/runner.ts";
import { type OrderedStep, orderSteps } from "./order.ts";
import type { FilesystemPlan, Preparation, ReplicationPlan } from "./plan.ts";
import type { Step } from "./plan-steps.ts";
import { transferStep } from "./transfer-step.ts";

export interface ExecuteOptions {
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly runner: Runner;
  readonly concurrency: number;
  /** 0 = never. */
  readonly stallTimeoutSec: number;
  /** A window ends after so many steps, or when it has been open for so long. */
  readonly window: { readonly maxSteps: number; readonly maxDelaySec: number };
  /** Aborted = interrupted: everything stops, nothing more is recorded. */
  readonly interrupted: AbortSignal;
  /** Aborted = time is up: running transfers stop, what is done is recorded. */
  readonly timeUp: AbortSignal;
  readonly listener: ExecuteListener;
  readonly nowMs: () => number;
}

export interface ExecuteListener {
  stepStarted(step: OrderedStep): void;
  stepProgress(step: OrderedStep, bytes: number, totalBytes: number | undefined): void;
  stepDone(step: OrderedStep, bytes: number, seconds: number): void;
  stepFailed?(step: OrderedStep): void;
}

/** How one filesystem came out. */
export interface FilesystemResult {
  readonly filesystem: string;
  readonly stepsDone: number;
  readonly error: Error | undefined;
}

/** @throws only when interrupted; everything else is a result of its filesystem */
export async function executeReplication(plan: ReplicationPlan, options: ExecuteOptions): Promise<FilesystemResult[]> {
  const run = new ReplicationRun(options, plan);
  for (const filesystem of plan.filesystems) if (isToBePrepared(filesystem)) await run.begin(filesystem);
  await run.heal(plan.filesystems);
  await run.steps(orderSteps(plan));
  return plan.filesystems.map(({ filesystem }) => run.result(filesystem));
}

type PreparedPlan = Extract<FilesystemPlan, { readonly preparations: readonly Preparation[] }>;

/** Few are; awaiting nothing costs more than asking first, ten thousand times. */
function isToBePrepared(plan: FilesystemPlan): plan is PreparedPlan {
  return "preparations" in plan && plan.preparations.length > 0;
}

class ReplicationRun {
  readonly #options: ExecuteOptions;
  readonly #failed = new Map<string, Error>();
  /** Filesystems that can't be planned and that the receiver does not have. */
  readonly #unplanned = new Set<string>();
  readonly #stepsDone = new Map<string, number>();

  constructor(options: ExecuteOptions, { filesystems }: ReplicationPlan) {
    this.#options = options;
    for (const plan of filesystems)
      if ((plan.outcome === "refused" || plan.outcome === "conflict") && !plan.onReceiver)
        this.#unplanned.add(plan.filesystem);
  }

  result(filesystem: string): FilesystemResult {
    return { filesystem, stepsDone: this.#stepsDone.get(filesystem) ?? 0, error: this.#failed.get(filesystem) };
  }

  /** Gets the receiver's filesystem ready: what the config allows to be cleared, rolled back or set aside. */
  async begin({ filesystem, preparations }: PreparedPlan): Promise<void> {
    for (const preparation of preparations) {
      if (this.#failed.has(filesystem)) return;
      await this.#attempt(filesystem, () => this.#prepareReceiver(filesystem, preparation));
    }
  }

  #prepareReceiver(filesystem: string, preparation: Preparation): Promise<void> {
    const { receiver } = this.#options;
    switch (preparation.do) {
      case "clearToken":
        return receiver.clearResumeState(filesystem);
      case "rollback":
        return receiver.rollback(filesystem, preparation.to, preparation.destroys);
      case "setAside":
        return receiver.setAside(filesystem, preparation.suffix);
    }
  }

  /** Puts holds and cursors where a finished step leaves them, for filesystems with nothing to send. */
  async heal(plans: readonly FilesystemPlan[]): Promise<void> {
    const receiver: ConfirmedStep[] = [];
    const sender: ConfirmedStep[] = [];
    for (const plan of plans) {
      if (plan.outcome !== "upToDate" || plan.healing === undefined || this.#failed.has(plan.filesystem)) continue;
      const { filesystem, guarantee, healing } = plan;
      if (healing.lastReceivedTo !== undefined) receiver.push({ filesystem, to: healing.lastReceivedTo, guarantee });
      if (healing.cursorTo !== undefined) sender.push({ filesystem, to: healing.cursorTo, guarantee });
    }
    await this.#record(receiver, sender);
  }

  /** The receiver's holds first; a sender's cursor moves only where they are on disk (design.md §4). */
  async #record(receiver: readonly ConfirmedStep[], sender: readonly ConfirmedStep[]): Promise<void> {
    const unconfirmed = await this.#batch(receiver, (steps) => this.#options.receiver.confirm(steps));
    const confirmed = sender.filter(({ filesystem }) => !unconfirmed.has(filesystem));
    await this.#batch(confirmed, (steps) => this.#options.sender.complete(steps));
  }

  /** @returns the filesystems on which the batch failed */
  async #batch(
    steps: readonly ConfirmedStep[],
    body: (steps: readonly ConfirmedStep[]) => Promise<FilesystemFailures>,
  ): Promise<ReadonlySet<string>> {
    if (steps.length === 0) return new Set();
    let failures: FilesystemFailures;
    try {
      failures = await body(steps);
    } catch (error) {
      this.#options.interrupted.throwIfAborted();
      failures = new Map(steps.map(({ filesystem }) => [filesystem, asError(error)]));
    }
    for (const [filesystem, error] of failures) if (!this.#failed.has(filesystem)) this.#failed.set(filesystem, error);
    return new Set(failures.keys());
  }

  /** Runs the steps window by window. */
  async steps(ordered: readonly OrderedStep[]): Promise<void> {
    let rest = ordered;
    while (rest.length > 0 && !this.#options.timeUp.aborted) {
      const runnable = rest.filter((step) => this.#canStart(step));
      const window = runnable.slice(0, this.#options.window.maxSteps);
      await this.#batchPrepare(window);
      const taken = await this.#window(window.filter(({ step }) => !this.#failed.has(step.filesystem)));
      rest = runnable.filter((step) => !taken.has(step) && !this.#failed.has(step.step.filesystem));
    }
    for (const { step } of rest)
      if (!this.#failed.has(step.filesystem)) this.#failed.set(step.filesystem, asError(this.#options.timeUp.reason));
  }

  /** Fails a step whose parent did not make it to the receiver. */
  #canStart({ step, parents }: OrderedStep): boolean {
    if (this.#failed.has(step.filesystem)) return false;
    const missing = parents.filter(
      (parent) => this.#unplanned.has(parent) || (this.#failed.has(parent) && !this.#stepsDone.has(parent)),
    );
    if (missing.length === 0) return true;
    this.#failed.set(step.filesystem, new ParentFailedError(missing, (parent) => this.#failed.get(parent)));
    return false;
  }

  async #batchPrepare(window: readonly OrderedStep[]): Promise<void> {
    const steps = window.map(({ step }) => step);
    try {
      for (const [filesystem, error] of await this.#options.sender.prepare(steps)) this.#failed.set(filesystem, error);
    } catch (error) {
      this.#options.interrupted.throwIfAborted();
      for (const { filesystem } of steps) this.#failed.set(filesystem, asError(error));
    }
  }

  /** @returns the steps that were started; the others are for the next window */
  async #window(window: readonly OrderedStep[]): Promise<Set<OrderedStep>> {
    const { concurrency, window: limits, nowMs, timeUp } = this.#options;
    const closesAtMs = nowMs() + limits.maxDelaySec * 1000;
    const isOpen = () => !timeUp.aborted && nowMs() < closesAtMs;
    const queue = [...window];
    const taken = new Set<OrderedStep>();
    const received = new Map<string, Step>();
    const running = new Map<string, Promise<void>>();
    let interruption: unknown;
    while (queue.length > 0 && interruption === undefined && (taken.size === 0 || isOpen())) {
      const next = running.size < concurrency ? takeReady(queue, running) : undefined;
      if (next === undefined) {
        await Promise.race(running.values());
        continue;
      }
      const { filesystem } = next.step;
      taken.add(next);
      running.set(
        filesystem,
        this.#step(next, received)
          .catch((error: unknown) => {
            interruption = error;
          })
          .finally(() => running.delete(filesystem)),
      );
    }
    await Promise.all(running.values()); // also when interrupted: no child outlives us
    if (interruption !== undefined) throw interruption;
    await this.#finishWindow(window, received);
    return taken;
  }

  async #step(ordered: OrderedStep, received: Map<string, Step>): Promise<void> {
    if (!this.#canStart(ordered)) return;
    const { step } = ordered;
    const { filesystem } = step;
    const { listener, nowMs } = this.#options;
    const startMs = nowMs();
    listener.stepStarted(ordered);
    await this.#attempt(filesystem, async () => {
      const bytes = await inLogContext({ filesystem, step: `${ordered.index + 1}/${ordered.count}` }, () =>
        transferStep(step, {
          ...this.#options,
          signal: this.#options.timeUp,
          onProgress: (sent, total) => listener.stepProgress(ordered, sent, total),
        }),
      );
      received.set(filesystem, step);
      this.#stepsDone.set(filesystem, (this.#stepsDone.get(filesystem) ?? 0) + 1);
      listener.stepDone(ordered, bytes, (nowMs() - startMs) / 1000);
    });
    if (this.#failed.has(filesystem)) listener.stepFailed?.(ordered);
  }

  /** Records the newest received snapshot of every filesystem of the window. */
  async #finishWindow(window: readonly OrderedStep[], received: ReadonlyMap<string, Step>): Promise<void> {
    const receiver: ConfirmedStep[] = [];
    const sender: ConfirmedStep[] = [];
    for (const [filesystem, { to, guarantee, receiverGuarantee }] of received) {
      const unfinished = window.find(({ step }) => step.filesystem === filesystem && step.from?.guid === to.guid)?.step;
      receiver.push({ filesystem, to, guarantee: receiverGuarantee });
      sender.push({ filesystem, to, guarantee, unfinished });
    }
    await this.#record(receiver, sender);
  }

  async #attempt(filesystem: string, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.#options.interrupted.throwIfAborted();
      this.#failed.set(filesystem, asError(error));
    }
  }
}

/** A child waits for its parents; where they may come at the next attempt, so may the child. */
class ParentFailedError extends Error {
  readonly temporary: boolean;

  constructor(parents: readonly string[], errorOf: (parent: string) => Error | undefined) {
    super(`parent(s) failed during initial replication: [${parents.join(" ")}]`);
    this.temporary = parents.every((parent) => {
      const error = errorOf(parent);
      return error !== undefined && "temporary" in error && error.temporary === true;
    });
  }
}

/**
 * Takes the first step that can run now out of the queue: none before it is of the same filesystem or of one of its
 * parents, neither waiting nor running. undefined = all wait for one that runs.
 */
function takeReady(queue: OrderedStep[], running: ReadonlyMap<string, unknown>): OrderedStep | undefined {
  const busy = new Set(running.keys());
  for (const [index, ordered] of queue.entries()) {
    if (![ordered.step.filesystem, ...ordered.parents].some((filesystem) => busy.has(filesystem))) {
      queue.splice(index, 1);
      return ordered;
    }
    busy.add(ordered.step.filesystem);
  }
  return undefined;
}
