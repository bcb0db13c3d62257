import { parseOptions, propertyOptions } from "./options.ts";
import {
  abortPartial,
  acceptRecord,
  closeSession,
  interruptSession,
  openSession,
  type Session,
} from "./recv-session.ts";
import {
  type KernelProblem,
  kernelCheck,
  type ReceiveOptions,
  type ReceiveTarget,
  resolveTarget,
} from "./recv-target.ts";
import { CommandFailure, fail, type Result } from "./result.ts";
import { COMPOUND_HEADER_BYTES, RECORD_BYTES, type SendStream, type Substream } from "./stream.ts";
import { usage } from "./usage.ts";
import type { Dataset, World } from "./world.ts";

/** Reads the options of `zfs receive`; `abort` is the filesystem of `-A`. */
export function parseReceive(args: readonly string[]): { options: ReceiveOptions; abort: boolean } {
  const { flags, values, operands } = parseOptions("zfs receive", "o:x:dehMnuvFsA", args);
  const [target] = operands;
  if (target === undefined)
    fail(`${flags.has("A") ? "missing dataset argument" : "missing snapshot argument"}\n${usage("zfs receive")}`, 2);
  if (operands.length > 1) fail(`too many arguments\n${usage("zfs receive")}`, 2);
  const options = {
    resumable: flags.has("s"),
    force: flags.has("F"),
    noMount: flags.has("u"),
    verbose: flags.has("v"),
    dryRun: flags.has("n"),
    overrides: propertyOptions("zfs receive", values["o"]),
    excluded: values["x"] ?? [],
    target,
  };
  return { options, abort: flags.has("A") };
}

const NO_STREAM = "cannot receive: failed to read from stream";

/** How many bytes of input there are; the program reads until it has what it needs. */
class Input {
  #left: number;
  taken = 0;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** True if a whole record was there. */
  take(bytes: number): boolean {
    if (bytes > this.#left) {
      this.taken += this.#left;
      this.#left = 0;
      return false;
    }
    this.#left -= bytes;
    this.taken += bytes;
    return true;
  }
}

/** Text of a refusal by the kernel, as zfs_receive_one() words it. */
function refusal(
  target: ReceiveTarget,
  problem: KernelProblem["errno"],
  substream: Substream,
  options: ReceiveOptions,
): string {
  const { fs, snap, what, existing } = target;
  switch (problem) {
    case "ENODEV":
      return `${what}: most recent snapshot of ${fs} does not\nmatch incremental source`;
    case "ETXTBSY":
      return `${what}: destination ${fs} has been modified\nsince most recent snapshot`;
    case "EEXIST":
      return `cannot restore to ${existing === null ? fs : `${fs}@${snap}`}: destination already exists`;
    case "EACCES":
      return `${what}: inherited key must be loaded`;
    case "EBUSY": {
      const state = existing?.partial?.resumable
        ? `destination ${fs} contains partially-complete state from "zfs receive -s".`
        : "dataset is busy";
      return `${what}: ${state}`;
    }
    case "EPERM":
      return `${what}: permission denied`;
    default:
      return `${what}: ${options.resumable ? "kernel modules must be upgraded to receive this stream." : "invalid backup stream"}${substream.resume === null ? "" : ""}`;
  }
}

/** The snapshot that the stream would make is there already: libzfs reads on and succeeds, if it can. */
function skipExisting(existing: Dataset | null, substream: Substream, input: Input): boolean | null {
  if (!existing?.snapshots.some((snapshot) => snapshot.guid === substream.toguid)) return null;
  const [first, ...rest] = [...substream.records.map((record) => record.bytes), RECORD_BYTES];
  if (!input.take(first ?? 0) || rest.length === 0) return false;
  return rest.every((bytes) => input.take(bytes));
}

/** A receive that runs: feed it, then end it. Also used by the look-alike programs. */
export interface Receiving {
  readonly session: Session;
}

function receiveOne(
  world: World,
  substream: Substream,
  options: ReceiveOptions,
  input: Input,
  compound: SendStream["compound"],
): string {
  const target = resolveTarget(world, substream, options);
  let printed = "";
  if (options.verbose || options.dryRun)
    printed = `${options.dryRun ? "would receive" : "receiving"} ${substream.fromguid === null ? "full" : "incremental"} stream of ${substream.toname} into ${target.fs}@${target.snap}\n`;
  if (options.dryRun) return options.verbose ? printed : "";
  if (!input.take(substream.beginBytes - RECORD_BYTES)) fail(brokenAtStart(target, options));
  const verdict = kernelCheck(world, target, substream, options);
  if (verdict.errno !== null) {
    refuse(verdict.errno, target, substream, options, input);
    return printed;
  }
  const session = openSession(world, target, substream, options, verdict, compound, 1);
  feed(session, substream, input);
  const problem = closeSession(session);
  if (problem !== null) refuse(problem, target, substream, options, input);
  return printed;
}

function refuse(
  errno: KernelProblem["errno"],
  target: ReceiveTarget,
  substream: Substream,
  options: ReceiveOptions,
  input: Input,
): void {
  const text = refusal(target, errno, substream, options);
  if (errno !== "EEXIST") fail(text);
  const skipped = skipExisting(target.existing, substream, input);
  if (skipped === true) return;
  fail(skipped === false ? `${NO_STREAM}\n${text}` : text);
}

function brokenAtStart(target: ReceiveTarget, options: ReceiveOptions): string {
  if (!options.resumable) return `${target.what}: incomplete stream`;
  return target.existing === null
    ? `cannot open '${target.fs}': dataset does not exist\n${target.what}: invalid backup stream`
    : `${target.what}: incomplete stream`;
}

function feed(session: Session, substream: Substream, input: Input): void {
  substream.records.forEach((record, i) => {
    if (!input.take(record.bytes)) throw new CommandFailure(interruptSession(session), 1);
    if (acceptRecord(session, record, substream.records[i + 1])) return;
    const { target, pool, dataset, options } = session;
    session.partial.receiver = null;
    if (!options.resumable) {
      dataset.partial = null;
      if (dataset.inconsistent) delete pool.datasets[dataset.name];
    }
    fail(`${target.what}: out of space`);
  });
  if (!input.take(RECORD_BYTES)) throw new CommandFailure(interruptSession(session), 1);
}

function receiveAll(world: World, stream: SendStream, options: ReceiveOptions, input: Input): string {
  let printed = "";
  if (stream.compound !== null && !input.take(COMPOUND_HEADER_BYTES)) fail(NO_STREAM);
  for (const substream of stream.substreams) {
    if (!input.take(RECORD_BYTES)) fail(NO_STREAM);
    printed += receiveOne(world, substream, options, input, stream.compound);
  }
  if (stream.compound !== null && !input.take(RECORD_BYTES)) fail(NO_STREAM);
  return printed;
}

/** `zfs receive …` of the first `bytes` bytes of a stream (null: nothing was written). */
export function cmdReceive(
  world: World,
  args: readonly string[],
  stream: SendStream | null,
  bytes: number,
): Result & { taken: number } {
  const input = new Input(bytes);
  try {
    const { options, abort } = parseReceive(args);
    if (abort) abortPartial(world, options.target, usage("zfs receive"));
    else if (stream === null) fail(NO_STREAM);
    return {
      stdout: abort || stream === null ? "" : receiveAll(world, stream, options, input),
      stderr: "",
      exitCode: 0,
      taken: input.taken,
    };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { stdout: "", stderr: error.stderr, exitCode: error.exitCode, taken: input.taken };
  }
}
