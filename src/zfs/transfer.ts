/**
 * One stream from a source to a sink, past Node: the sink's stdin handle becomes the source's stdout, so the bytes go
 * from process to process (design.md §4). Only a bandwidth limit puts Node into the path.
 *
 * This uses node:child_process because execa pumps every stream it is given through Node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type ChildRegistry, dieWithUs, endProcessGroup } from "./children.ts";
import { ProgramMissingError } from "./errors.ts";
import type { CommandResult } from "./runner.ts";
import { type TokenBucket, throttle } from "./throttle.ts";

/** One end of a stream: a command that is not running yet, or an open handle to another host. */
export type StreamEnd =
  | { readonly kind: "command"; readonly argv: readonly string[] }
  | {
      readonly kind: "handle";
      /** Must have an operating system handle: a socket, or a child's stdin or stdout. */
      readonly stream: Duplex | Readable | Writable;
      /** Settles when the other host has said how it went. */
      readonly done: Promise<void>;
      /** Gives up: closes the handle and ends what is behind it. */
      abort(): void;
    };

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

interface Context {
  readonly children: ChildRegistry;
  readonly env: Record<string, string>;
  readonly signal: AbortSignal;
}

/** stderr is kept up to this length, its end (the reason stands last). */
const MAX_STDERR = 32 * 1024;

/** See `Runner.transfer`. */
export async function transferStream(
  source: StreamEnd,
  sink: StreamEnd,
  options: TransferOptions,
  context: Context,
): Promise<TransferResult> {
  const ends =
    (options.limits ?? []).length === 0
      ? joinDirectly(source, sink, context)
      : joinThrottled(source, sink, options.limits ?? [], context);
  const stop = () => {
    for (const child of [ends.source, ends.sink]) if (child !== undefined) endProcessGroup(child);
    for (const end of [source, sink]) if (end.kind === "handle") end.abort();
  };
  const signals = [context.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const stopped = AbortSignal.any(signals);
  stopped.addEventListener("abort", stop);
  if (stopped.aborted) stop();
  ends.source?.once("exit", () => options.onSourceEnd?.());
  try {
    const results = await Promise.allSettled([
      ends.source === undefined ? undefined : childResult(source, ends.source, options.onSourceLine),
      ends.sink === undefined ? undefined : childResult(sink, ends.sink),
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
    source.stream.destroy(); // the child has it now; our copy would keep it open
    return { source: undefined, sink: child };
  }
  if (source.kind !== "command") throw new Error("a transfer needs a command at one end");
  const sinkChild = sink.kind === "command" ? start(sink.argv, ["pipe", "ignore", "pipe"], context) : undefined;
  const target = sink.kind === "handle" ? sink.stream : stdinOf(sinkChild);
  const sourceChild = start(source.argv, ["ignore", target, "pipe"], context);
  target.destroy();
  return { source: sourceChild, sink: sinkChild };
}

function joinThrottled(source: StreamEnd, sink: StreamEnd, limits: readonly TokenBucket[], context: Context): Joined {
  const sinkChild = sink.kind === "command" ? start(sink.argv, ["pipe", "ignore", "pipe"], context) : undefined;
  const sourceChild = source.kind === "command" ? start(source.argv, ["ignore", "pipe", "pipe"], context) : undefined;
  const from = sourceChild?.stdout ?? (source.kind === "handle" ? source.stream : undefined);
  const to = sink.kind === "handle" ? sink.stream : stdinOf(sinkChild);
  if (from === undefined || from === null) throw new Error("a transfer needs a readable source");
  const pump = pipeline(from as Readable, throttle(limits), to as Writable).catch(() => {
    // how it went is said by the processes at both ends; make sure that both notice
    if (sourceChild !== undefined) endProcessGroup(sourceChild);
  });
  return { source: sourceChild, sink: sinkChild, pump };
}

function start(
  argv: readonly string[],
  stdio: (Duplex | Readable | Writable | "pipe" | "ignore")[],
  context: Context,
): ChildProcess {
  const [program = "", ...args] = dieWithUs(argv);
  const child = spawn(program, args, { env: context.env, stdio, detached: true });
  context.children.add(child);
  return child;
}

function stdinOf(child: ChildProcess | undefined): Writable {
  if (child?.stdin == null) throw new Error("the sink has no stdin");
  child.stdin.on("error", () => undefined); // EPIPE: the sink's own exit says why
  return child.stdin;
}

async function childResult(
  end: StreamEnd,
  child: ChildProcess,
  onLine?: (line: string) => void,
): Promise<CommandResult> {
  const argv = end.kind === "command" ? end.argv : [];
  let stderr = "";
  let pending = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      onLine?.(line);
      stderr = `${stderr}${line}\n`.slice(-MAX_STDERR);
    }
  });
  const [exitCode, signal] = await childEnd(argv, child);
  stderr += pending;
  if (exitCode === 127 && /^setpriv: failed to execute/m.test(stderr))
    throw new ProgramMissingError(argv[0] ?? "", undefined);
  return { exitCode: exitCode ?? 128, ...(signal === null ? {} : { signal }), stdout: "", stderr };
}

/** Waits until the child has exited and its stderr is read. */
async function childEnd(argv: readonly string[], child: ChildProcess): Promise<[number | null, string | null]> {
  try {
    const [exitCode, signal] = await once(child, "close");
    return [exitCode, signal];
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "ENOENT"
      ? new ProgramMissingError(argv[0] ?? "", error)
      : error;
  }
}

function fulfilled(
  result: PromiseSettledResult<CommandResult | undefined> | PromiseSettledResult<void> | undefined,
): CommandResult | undefined {
  return result?.status === "fulfilled" && result.value !== undefined ? result.value : undefined;
}
