/** The runner over the simulated ZFS, with faults at operation boundaries. */
import type { CommandResult, Runner } from "../../src/zfs/runner.ts";
import type { StreamEnd, TransferOptions, TransferResult } from "../../src/zfs/transfer.ts";
import { EXIT_SIGKILL, EXIT_SIGPIPE } from "../sim/exit-codes.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { runXargs } from "../xargs.ts";

/** Thrown by the runner for the process that "died"; nothing it does afterwards has any effect. */
export class Crash extends Error {}

export type Fault =
  /** The whole invocation dies: before the operation, after it took effect, or in the middle of a stream. */
  | { readonly kind: "crash"; readonly when: "before" | "after" }
  | { readonly kind: "crashMid"; readonly bytes: number }
  /** The operation does not happen and says so; or it happens and its answer is lost. */
  | { readonly kind: "fail"; readonly stderr: string }
  | { readonly kind: "failAfter"; readonly stderr: string }
  /** One side of a stream dies or the line is cut; we live. */
  | { readonly kind: "cut" | "killSend" | "killRecv"; readonly bytes: number }
  /** Somebody else does something before the operation. */
  | { readonly kind: "user"; readonly act: (sim: ZfsSimulator) => void };

export interface SimRunnerOptions {
  readonly sim: ZfsSimulator;
  /** Faults by operation number, counted from 0. */
  readonly faults?: ReadonlyMap<number, Fault>;
  /** Called between any two operations. */
  readonly check?: (sim: ZfsSimulator) => void;
}

/** Commands that change nothing. */
const READS = new Set(["list", "get", "holds", "version"]);

export class SimRunner implements Runner {
  /** Every operation that was asked for. */
  readonly operations: string[] = [];
  /** Of them, those that can change something. */
  mutations = 0;
  /** Bytes that receivers took. */
  receivedBytes = 0;
  readonly #options: SimRunnerOptions;
  #dead = false;

  constructor(options: SimRunnerOptions) {
    this.#options = options;
  }

  get crashed(): boolean {
    return this.#dead;
  }

  async run(
    argv: readonly string[],
    options: { onStdout?: (chunk: Buffer) => void; input?: string } = {},
  ): Promise<CommandResult> {
    const each = await runXargs(this, argv, options.input);
    if (each !== undefined) return each;
    const fault = this.#begin(argv.join(" "));
    if (fault?.kind === "fail") return { exitCode: 1, stdout: "", stderr: fault.stderr };
    const reads = READS.has(argv[1] ?? "") || (argv[1] === "send" && argv.includes("-n")) || argv[0] === "zpool";
    if (!reads) this.mutations++;
    const result = toResult(this.#options.sim.exec(argv, options.input));
    this.#end(fault);
    if (fault?.kind === "failAfter") return { exitCode: 1, stdout: "", stderr: fault.stderr };
    if (options.onStdout === undefined) return result;
    options.onStdout(Buffer.from(result.stdout));
    return { ...result, stdout: "" };
  }

  async transfer(source: StreamEnd, sink: StreamEnd, options: TransferOptions = {}): Promise<TransferResult> {
    if (source.kind !== "command" || sink.kind !== "command") throw new Error("the simulator joins commands only");
    const fault = this.#begin(`${source.argv.join(" ")} | ${sink.argv.join(" ")}`);
    this.mutations++;
    if (fault?.kind === "fail") return failedTransfer(fault.stderr);
    const result = this.#options.sim.pipe(source.argv, sink.argv, pipeOptions(fault));
    this.receivedBytes += result.bytes;
    if (fault?.kind === "crashMid") this.#die();
    this.#end(fault);
    for (const line of result.send.stderr.split("\n")) if (line !== "") options.onSourceLine?.(line);
    options.onSourceEnd?.();
    return { source: toResult(result.send), sink: toResult(result.recv) };
  }

  #begin(operation: string): Fault | undefined {
    if (this.#dead) throw new Crash("dead");
    const { sim, faults, check } = this.#options;
    const fault = faults?.get(this.operations.length);
    this.operations.push(operation);
    check?.(sim);
    if (fault?.kind === "user") fault.act(sim);
    if (fault?.kind === "crash" && fault.when === "before") this.#die();
    return fault;
  }

  #end(fault: Fault | undefined): void {
    this.#options.check?.(this.#options.sim);
    if (fault?.kind === "crash") this.#die();
  }

  #die(): never {
    this.#dead = true;
    this.#options.check?.(this.#options.sim);
    throw new Crash("killed");
  }
}

function pipeOptions(fault: Fault | undefined): {
  cutAfterBytes?: number;
  killSendAfter?: number;
  killRecvAfter?: number;
} {
  switch (fault?.kind) {
    case "crashMid":
    case "killSend":
      return { killSendAfter: fault.bytes };
    case "cut":
      return { cutAfterBytes: fault.bytes };
    case "killRecv":
      return { killRecvAfter: fault.bytes };
    default:
      return {};
  }
}

function failedTransfer(stderr: string): TransferResult {
  return { source: { exitCode: 0, stdout: "", stderr: "" }, sink: { exitCode: 1, stdout: "", stderr } };
}

/** The simulator tells signals as a shell does, the runner by name. */
function toResult(result: { stdout: string; stderr: string; exitCode: number }): CommandResult {
  if (result.exitCode === EXIT_SIGKILL) return { ...result, exitCode: 128, signal: "SIGKILL" };
  if (result.exitCode === EXIT_SIGPIPE) return { ...result, exitCode: 128, signal: "SIGPIPE" };
  return result;
}
