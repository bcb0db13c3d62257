/** A runner over the simulated ZFS whose streams are bytes, so that they can go over a connection. */
import type { Readable, Writable } from "node:stream";
import type { CommandResult, Runner, RunOptions } from "../../src/zfs/runner.ts";
import type { HandleEnd, StreamEnd, TransferOptions, TransferResult } from "../../src/zfs/transfer.ts";
import { EXIT_SIGPIPE } from "../sim/exit-codes.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { type SendStream, streamBytes } from "../sim/stream.ts";
import { runXargs } from "../xargs.ts";

/** A stream is this head with its number, and zeros to its size. */
const HEAD = /^SIMULATED STREAM (\d+)\n/;
const streams = new Map<string, SendStream>();
let count = 0;

export class StreamRunner implements Runner {
  /** Every command that was run. */
  readonly commands: string[] = [];
  readonly #sim: ZfsSimulator;
  readonly #signal: AbortSignal;

  constructor(sim: ZfsSimulator, signal: AbortSignal) {
    this.#sim = sim;
    this.#signal = signal;
  }

  async run(argv: readonly string[], { input, onStdout }: RunOptions = {}): Promise<CommandResult> {
    this.#signal.throwIfAborted();
    const each = await runXargs(this, argv, input);
    if (each !== undefined) return each;
    this.commands.push(argv.join(" "));
    const result = this.#sim.exec(argv, input);
    if (onStdout === undefined) return result;
    onStdout(Buffer.from(result.stdout));
    return { ...result, stdout: "" };
  }

  async transfer(source: StreamEnd, sink: StreamEnd, options: TransferOptions = {}): Promise<TransferResult> {
    this.#signal.throwIfAborted();
    for (const end of [source, sink]) if (end.kind === "command") this.commands.push(end.argv.join(" "));
    const read = source.kind === "command" ? this.#send(source.argv, options) : undefined;
    if (sink.kind === "sized") {
      if (read === undefined) throw new Error("a transfer needs a command at one end");
      if (read.result.exitCode !== 0) return { source: read.result, sink: undefined };
      if (read.bytes.length > sink.maxSmallBytes) return this.transfer(source, await sink.large(), options);
      await sink.small(read.bytes);
      return { source: read.result, sink: undefined };
    }
    if (sink.kind === "handle") {
      if (read === undefined) throw new Error("a transfer needs a command at one end");
      const written = await write(sink, read.bytes);
      await sink.done;
      return { source: written ? read.result : { ...read.result, exitCode: 128, signal: "SIGPIPE" }, sink: undefined };
    }
    if (sink.kind !== "command") throw new Error("content is no sink");
    if (source.kind === "handle") {
      source.begin?.();
      const received = this.#receive(sink.argv, await readAll(source));
      await source.done;
      return { source: undefined, sink: received };
    }
    const bytes = source.kind === "content" ? source.bytes : (read?.bytes ?? Buffer.alloc(0));
    return { source: read?.result, sink: this.#receive(sink.argv, bytes) };
  }

  #send(argv: readonly string[], options: TransferOptions): { readonly result: CommandResult; readonly bytes: Buffer } {
    const { stream, ...result } = this.#sim.send(argv);
    for (const line of result.stderr.split("\n")) if (line !== "") options.onSourceLine?.(line);
    options.onSourceEnd?.();
    if (stream === null) return { result, bytes: Buffer.alloc(0) };
    const id = String(count++);
    streams.set(id, stream);
    const head = Buffer.from(`SIMULATED STREAM ${id}\n`);
    return { result, bytes: Buffer.concat([head, Buffer.alloc(Math.max(0, streamBytes(stream) - head.length))]) };
  }

  #receive(argv: readonly string[], bytes: Buffer): CommandResult {
    const id = HEAD.exec(bytes.subarray(0, 60).toString("latin1"))?.[1];
    const stream = id === undefined ? undefined : streams.get(id);
    if (stream === undefined && bytes.length > 0)
      return { exitCode: 1, stdout: "", stderr: "cannot receive: invalid stream (bad magic number)\n" };
    const result = this.#sim.receive(argv, stream ?? null, bytes.length);
    return result.exitCode === EXIT_SIGPIPE ? { ...result, signal: "SIGPIPE" } : result;
  }
}

async function write(sink: HandleEnd, bytes: Buffer): Promise<boolean> {
  const stream = sink.stream as Writable;
  return new Promise((resolve) => {
    stream.once("error", () => resolve(false));
    stream.end(bytes, () => resolve(true));
  });
}

async function readAll(source: HandleEnd): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of source.stream as Readable) chunks.push(chunk as Buffer);
  } catch {
    // cut: what came is what was received
  }
  return Buffer.concat(chunks);
}
