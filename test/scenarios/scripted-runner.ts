/** The runner over the simulated ZFS; tests say what goes wrong by what a command looks like. */
import type { CommandResult, Runner, RunOptions } from "../../src/zfs/runner.ts";
import type { StreamEnd, TransferOptions, TransferResult } from "../../src/zfs/transfer.ts";
import { type Fault, SimRunner } from "../crash/sim-runner.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { runXargs } from "../xargs.ts";

/** Something happens when a command (`zfs send … | zfs recv …` for a transfer) matches. */
export interface Trouble {
  readonly at: RegExp;
  /** How many matching commands it happens to; absent = all. */
  readonly times?: number;
  /**
   * A fault of the crash tests; `hang`: a transfer that never moves until it is stopped; `slow`: one that takes a while.
   */
  readonly what: Fault | { readonly kind: "hang" } | { readonly kind: "slow"; readonly ms: number };
}

export class ScriptedRunner implements Runner {
  /** Every command that was run, in order. */
  readonly commands: string[] = [];
  /** Bytes that receivers took. */
  receivedBytes = 0;
  /** The most transfers that ran at the same time. */
  mostAtOnce = 0;
  readonly #sim: ZfsSimulator;
  readonly #troubles: { readonly trouble: Trouble; left: number }[];
  readonly #interrupted: AbortSignal;
  #running = 0;

  constructor(sim: ZfsSimulator, troubles: readonly Trouble[], interrupted: AbortSignal) {
    this.#sim = sim;
    this.#troubles = troubles.map((trouble) => ({ trouble, left: trouble.times ?? Number.POSITIVE_INFINITY }));
    this.#interrupted = interrupted;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    this.#interrupted.throwIfAborted();
    const each = await runXargs(this, argv, options.input);
    if (each !== undefined) return each;
    const what = this.#next(argv.join(" "));
    if (what?.kind === "hang" || what?.kind === "slow") throw new Error("only transfers can hang or be slow");
    return this.#once(what).run(argv, options);
  }

  async transfer(source: StreamEnd, sink: StreamEnd, options: TransferOptions = {}): Promise<TransferResult> {
    this.#interrupted.throwIfAborted();
    if (source.kind !== "command" || sink.kind !== "command") throw new Error("the simulator joins commands only");
    const what = this.#next(`${source.argv.join(" ")} | ${sink.argv.join(" ")}`);
    this.#running++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running);
    try {
      if (what?.kind === "hang") await this.#stopped(options.signal);
      if (what?.kind === "slow") await new Promise((done) => setTimeout(done, what.ms));
      else await new Promise((done) => setImmediate(done)); // others may start in the meantime, as with processes
      options.signal?.throwIfAborted();
      const runner = this.#once(what?.kind === "hang" || what?.kind === "slow" ? undefined : what);
      const result = await runner.transfer(source, sink, options);
      this.receivedBytes += runner.receivedBytes;
      return result;
    } finally {
      this.#running--;
    }
  }

  /** The commands of one kind, e.g. `zfs hold`. */
  commandsOf(start: string): string[] {
    return this.commands.filter((command) => command.startsWith(start));
  }

  #next(command: string): Trouble["what"] | undefined {
    this.commands.push(command);
    const found = this.#troubles.find(({ trouble, left }) => left > 0 && trouble.at.test(command));
    if (found === undefined) return undefined;
    found.left--;
    return found.trouble.what;
  }

  /** A runner for a single command. */
  #once(fault: Fault | undefined): SimRunner {
    return new SimRunner({ sim: this.#sim, ...(fault === undefined ? {} : { faults: new Map([[0, fault]]) }) });
  }

  async #stopped(signal: AbortSignal | undefined): Promise<never> {
    const either = AbortSignal.any([this.#interrupted, ...(signal === undefined ? [] : [signal])]);
    if (!either.aborted) await new Promise((done) => either.addEventListener("abort", done, { once: true }));
    throw either.reason;
  }
}
