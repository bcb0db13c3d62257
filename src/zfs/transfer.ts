/**
 * One stream from a source to a sink, past Node: the sink's stdin handle becomes the source's stdout, so the bytes go
 * from process to process (design.md §4). Only a bandwidth limit puts Node into the path.
 */
import type { ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { type Duplex, Readable, type Writable } from "node:stream";
import { endProcessGroup } from "./children.ts";
import { parseSendEstimate } from "./parse.ts";
import { fdSocket, pump, pumpChild } from "./pump.ts";
import type { CommandResult } from "./runner.ts";
import { type ChildContext, childResult, start, startSink, stdinOf } from "./stream-child.ts";
import type { TokenBucket } from "./throttle.ts";

/** One end of a stream: a command that is not running yet, an open handle, or content that is small enough to hold. */
export type StreamEnd =
  | { readonly kind: "command"; readonly argv: readonly string[] }
  | HandleEnd
  /** A source that is here already, whole. */
  | { readonly kind: "content"; readonly bytes: Buffer }
  | SizedEnd;

/** To or from another host, or a file descriptor of ours. */
export interface HandleEnd {
  readonly kind: "handle";
  /** Must have an operating system handle (a socket, or a child's stdin or stdout), or be a file descriptor. */
  readonly stream: Duplex | Readable | Writable | number;
  /** There is no handle: the bytes have to pass through Node. */
  readonly viaNode?: boolean;
  /** Settles when the other host has said how it went. */
  readonly done: Promise<void>;
  /** Gives up: closes the handle and ends what is behind it. */
  abort(): void;
  /** Of a source: called when the other end is in place. Until then no byte comes. */
  begin?(): void;
  /** Of a source: passes on what the command behind it prints on stderr. */
  onLine?(listener: (line: string) => void): void;
}

/** A sink that takes small streams whole, and is opened for large ones only when one comes. */
export interface SizedEnd {
  readonly kind: "sized";
  readonly maxSmallBytes: number;
  small(bytes: Buffer): Promise<void>;
  large(): Promise<HandleEnd>;
}

export interface TransferOptions {
  /** Told every line that the source prints on stderr while it runs (`zfs send -vP`: progress). */
  readonly onSourceLine?: (line: string) => void;
  /** Ends this transfer only. */
  readonly signal?: AbortSignal;
  /** Bandwidth limits; with any, the stream goes through Node. */
  readonly limits?: readonly TokenBucket[];
  /** Told when the source's command has ended; the sink may still be at work. */
  readonly onSourceEnd?: () => void;
}

/** How the two ends ended; a handle has no result of its own, its `done` was awaited. */
export interface TransferResult {
  readonly source: CommandResult | undefined;
  readonly sink: CommandResult | undefined;
}

interface Context extends ChildContext {
  readonly signal: AbortSignal;
}

/** See `Runner.transfer`. */
export async function transferStream(
  source: StreamEnd,
  sink: StreamEnd,
  options: TransferOptions,
  context: Context,
): Promise<TransferResult> {
  if (sink.kind === "sized") return transferSized(source, sink, options, context);
  const limits = options.limits ?? [];
  const direct = limits.length === 0 && ![source, sink].some((end) => end.kind === "handle" && end.viaNode === true);
  const ends = direct ? joinDirectly(source, sink, context) : joinThrottled(source, sink, limits, context);
  const stop = () => {
    for (const child of [ends.source, ends.sink]) if (child !== undefined) endProcessGroup(child);
    for (const end of [source, sink]) if (end.kind === "handle") end.abort();
  };
  const signals = [context.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const stopped = AbortSignal.any(signals);
  stopped.addEventListener("abort", stop);
  if (stopped.aborted) stop();
  ends.source?.once("exit", () => options.onSourceEnd?.());
  if (source.kind === "handle") {
    if (options.onSourceLine !== undefined) source.onLine?.(options.onSourceLine);
    void source.done.then(options.onSourceEnd, options.onSourceEnd);
    source.begin?.();
  }
  try {
    const results = await Promise.allSettled([
      ends.source === undefined ? undefined : childResult(argvOf(source), ends.source, options.onSourceLine),
      ends.sink === undefined ? undefined : childResult(argvOf(sink), ends.sink),
      ...[source, sink].map((end) => (end.kind === "handle" ? end.done : undefined)),
      ends.pump,
    ]);
    stopped.throwIfAborted();
    for (const result of results) if (result.status === "rejected") throw result.reason;
    const [first, second] = results;
    return { source: fulfilled(first), sink: fulfilled(second) };
  } finally {
    stopped.removeEventListener("abort", stop);
  }
}

interface Joined {
  readonly source: ChildProcess | undefined;
  readonly sink: ChildProcess | undefined;
  readonly pump?: Promise<void>;
}

function joinDirectly(source: StreamEnd, sink: StreamEnd, context: Context): Joined {
  if (sink.kind === "command" && source.kind === "handle") {
    const child = start(sink.argv, [source.stream, "ignore", "pipe"], context);
    release(source.stream); // the child has it now; our copy would keep it open
    return { source: undefined, sink: child };
  }
  if (sink.kind === "command" && source.kind === "content") {
    const child = startSink(sink.argv, context);
    stdinOf(child).end(source.bytes);
    return { source: undefined, sink: child };
  }
  if (source.kind !== "command") throw new Error("a transfer needs a command at one end");
  const sinkChild = sink.kind === "command" ? startSink(sink.argv, context) : undefined;
  const target = sink.kind === "handle" ? sink.stream : stdinOf(sinkChild);
  const sourceChild = start(source.argv, ["ignore", target, "pipe"], context);
  release(target);
  return { source: sourceChild, sink: sinkChild };
}

function release(stream: Duplex | Readable | Writable | number): void {
  if (typeof stream === "number") closeSync(stream);
  else stream.destroy();
}

function joinThrottled(source: StreamEnd, sink: StreamEnd, limits: readonly TokenBucket[], context: Context): Joined {
  const sinkChild = sink.kind === "command" ? startSink(sink.argv, context) : undefined;
  const to = sink.kind === "handle" ? writableOf(sink.stream) : stdinOf(sinkChild);
  const sourceChild = source.kind === "command" ? start(source.argv, ["ignore", "pipe", "pipe"], context) : undefined;
  const pumped = sourceChild?.stdout ? pumpChild(sourceChild.stdout, to, limits) : pump(sourceOf(source), to, limits);
  const pumping = pumped.catch((error: unknown) => {
    if (sourceChild !== undefined) endProcessGroup(sourceChild);
    if (!isOtherEnd(error)) throw error;
  });
  return { source: sourceChild, sink: sinkChild, pump: pumping };
}

/** Whether a pump stopped because one of its ends did: how that came is said by the processes at both ends. */
function isOtherEnd(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return ["EPIPE", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR"].includes(String(code));
}

function sourceOf(source: StreamEnd): Readable | number {
  if (source.kind === "content") return Readable.from([source.bytes]);
  if (source.kind !== "handle") throw new Error("a transfer needs a readable source");
  return source.stream as Readable | number;
}

function writableOf(stream: HandleEnd["stream"]): Writable {
  return typeof stream === "number" ? fdSocket(stream, "write") : (stream as Writable);
}

/**
 * Runs the source to see whether its stream is small. One that is not is started again, into a handle of its own: the
 * bytes that were read can't be put back, and the handle's other end must get them past Node.
 */
async function transferSized(
  source: StreamEnd,
  sink: SizedEnd,
  options: TransferOptions,
  context: Context,
): Promise<TransferResult> {
  if (source.kind !== "command") throw new Error("a transfer needs a command at one end");
  const captured = await capture(source, sink.maxSmallBytes, options, context);
  if (captured === undefined) {
    const handle = await sink.large();
    return transferStream(source, handle, options, context);
  }
  const { result, bytes } = captured;
  options.onSourceEnd?.();
  if (result.exitCode !== 0) return { source: result, sink: undefined };
  for (const limit of options.limits ?? []) await limit.take(bytes.length);
  await sink.small(bytes);
  return { source: result, sink: undefined };
}

/** @returns undefined when there is more than `maxBytes`; the command is ended then */
async function capture(
  source: Extract<StreamEnd, { kind: "command" }>,
  maxBytes: number,
  options: TransferOptions,
  context: Context,
): Promise<{ readonly result: CommandResult; readonly bytes: Buffer } | undefined> {
  const child = start(source.argv, ["ignore", "pipe", "pipe"], context);
  const stopped = AbortSignal.any([context.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const stop = () => endProcessGroup(child);
  stopped.addEventListener("abort", stop);
  if (stopped.aborted) stop();
  const chunks: Buffer[] = [];
  let size = 0;
  let tooLarge = false;
  const more = (bytes: number) => {
    size += bytes;
    if (size <= maxBytes || tooLarge) return;
    tooLarge = true;
    chunks.length = 0;
    child.stdout?.destroy(); // it may write faster than it ends
    endProcessGroup(child);
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    if (!tooLarge) chunks.push(chunk);
    more(chunk.length);
  });
  try {
    const result = await childResult(source.argv, child, (line) => {
      // the estimate comes before the first byte: no need to read what will be thrown away
      if ((parseSendEstimate(line) ?? 0) > 4 * maxBytes) more(maxBytes + 1);
      options.onSourceLine?.(line);
    });
    stopped.throwIfAborted();
    return tooLarge ? undefined : { result, bytes: Buffer.concat(chunks) };
  } finally {
    stopped.removeEventListener("abort", stop);
  }
}

/** What a child of this end was started as. */
function argvOf(end: StreamEnd): readonly string[] {
  return end.kind === "command" ? end.argv : [];
}

function fulfilled(
  result: PromiseSettledResult<CommandResult | undefined> | PromiseSettledResult<void> | undefined,
): CommandResult | undefined {
  return result?.status === "fulfilled" && result.value !== undefined ? result.value : undefined;
}
