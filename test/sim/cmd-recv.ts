import { parseOptions, propertyOptions } from "./options.ts";
import {
  acceptRecord,
  closeSession,
  interruptSession,
  openSession,
  type Session,
  stopForSpace,
  type WorldHolder,
} from "./recv-session.ts";
import {
  type KernelProblem,
  kernelCheck,
  type ReceiveOptions,
  type ReceiveTarget,
  resolveTarget,
} from "./recv-target.ts";
import { CommandFailure, fail } from "./result.ts";
import { compoundPayloadBytes, RECORD_BYTES, type SendStream, type Substream, substreamBytes } from "./stream.ts";
import { usage } from "./usage.ts";
import type { Dataset } from "./world.ts";

/** Reads the options of `zfs receive`; `abort` is the filesystem of `-A`. */
export function parseReceive(args: readonly string[]): { options: ReceiveOptions; abort: boolean } {
  const { flags, values, operands } = parseOptions("zfs receive", "o:x:dehMnuvFsA", args);
  const [target] = operands;
  if (target === undefined)
    fail(`${flags.has("A") ? "missing dataset argument" : "missing snapshot argument"}\n${usage("zfs receive")}`, 2);
  if (operands.length > 1) fail(`too many arguments\n${usage("zfs receive")}`, 2);
  const overrides = propertyOptions("zfs receive", values["o"]);
  const twice = overrides.find(([name]) => values["x"]?.includes(name));
  if (twice !== undefined) fail(`property '${twice[0]}' specified multiple times\n${usage("zfs receive")}`, 2);
  const options = {
    resumable: flags.has("s"),
    force: flags.has("F"),
    noMount: flags.has("u"),
    verbose: flags.has("v"),
    dryRun: flags.has("n"),
    overrides,
    excluded: values["x"] ?? [],
    target,
  };
  return { options, abort: flags.has("A") };
}

/** What the program says when its input ends too early. */
export const NO_STREAM = "cannot receive: failed to read from stream";

/**
 * A receive as a sequence of wishes: each `yield` asks for so many bytes of input and gets whether they came.
 * Between two wishes nothing else touches the world.
 */
export type ReceiveSteps<T = string> = Generator<number, T, boolean>;

/** Text of a refusal by the kernel, as zfs_receive_one() words it. */
function refusal(target: ReceiveTarget, problem: KernelProblem["errno"], options: ReceiveOptions): string {
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
      return `${what}: ${options.resumable ? "kernel modules must be upgraded to receive this stream." : "invalid backup stream"}`;
  }
}

/** How the reading of a stream that is not needed went. */
type Skip = "skipped" | "ended" | "nothing to skip";

/** What became of one substream. */
interface Received {
  readonly printed: string;
  /** libzfs reads what follows as if it were the rest of this substream. */
  readonly swallowsNext: boolean;
}

/** What to read after BEGIN and the header that follows it. */
function remainingSizes(substream: Substream): number[] {
  const sizes = [...substream.records.map((record) => record.bytes), RECORD_BYTES];
  return sizes.map((size, i) => (i === 0 ? size - RECORD_BYTES : size));
}

/** The snapshot that the stream would make is there already: libzfs reads on and succeeds, if it can. */
function* skipExisting(existing: Dataset | null, substream: Substream): ReceiveSteps<Skip | "is not there"> {
  if (!existing?.snapshots.some((snapshot) => snapshot.guid === substream.toguid)) return "is not there";
  // The kernel has read the first header after BEGIN before it refused: if that was END, nothing is left to skip.
  for (const size of remainingSizes(substream)) if (!(yield size)) return "ended";
  return substream.records.length > 0 ? "skipped" : "nothing to skip";
}

function announce(target: ReceiveTarget, substream: Substream, options: ReceiveOptions): string {
  if (!options.verbose) return "";
  const verb = options.dryRun ? "would receive" : "receiving";
  const kind = substream.fromguid === null ? "full" : "incremental";
  return `${verb} ${kind} stream of ${substream.toname} into ${target.fs}@${target.snap}\n`;
}

function* receiveOne(
  holder: WorldHolder,
  substream: Substream,
  options: ReceiveOptions,
  compound: SendStream["compound"],
  receiver: number,
): ReceiveSteps<Received> {
  const printed = announce(resolveTarget(holder.world, substream, options), substream, options);
  if (options.dryRun) return { printed, swallowsNext: false };
  // The kernel reads the payload of BEGIN and the header after it before it looks at anything.
  const hasPayload = yield substream.beginBytes;
  const target = resolveTarget(holder.world, substream, options);
  if (!hasPayload) fail(brokenAtStart(target, options));
  const verdict = kernelCheck(holder.world, target, substream, options);
  if (verdict.errno !== null) {
    const skipped = yield* refuse(verdict.errno, target, substream, options, compound !== null);
    return { printed, swallowsNext: skipped === "nothing to skip" };
  }
  const session = openSession(holder, target, substream, options, verdict, compound, receiver);
  yield* feed(session, substream);
  const problem = closeSession(session);
  if (problem !== null) yield* refuse(problem, target, substream, options, compound !== null);
  return { printed, swallowsNext: false };
}

function* refuse(
  errno: KernelProblem["errno"],
  target: ReceiveTarget,
  substream: Substream,
  options: ReceiveOptions,
  inCompound: boolean,
): ReceiveSteps<Skip> {
  const text = refusal(target, errno, options);
  if (errno !== "EEXIST") fail(text);
  const skipped = yield* skipExisting(target.existing, substream);
  if (skipped === "is not there") fail(text);
  if (skipped === "skipped" || (skipped === "nothing to skip" && inCompound)) return skipped;
  return fail(`${NO_STREAM}\n${text}`);
}

function brokenAtStart(target: ReceiveTarget, options: ReceiveOptions): string {
  if (!options.resumable) return `${target.what}: incomplete stream`;
  return target.existing === null
    ? `cannot open '${target.fs}': dataset does not exist\n${target.what}: invalid backup stream`
    : `${target.what}: incomplete stream`;
}

function* feed(session: Session, substream: Substream): ReceiveSteps<void> {
  const sizes = remainingSizes(substream);
  for (const [i, record] of substream.records.entries()) {
    if (!(yield sizes[i] ?? 0)) throw new CommandFailure(interruptSession(session), 1);
    const problem = acceptRecord(session, record, substream.records[i + 1]);
    if (problem === null) continue;
    stopForSpace(session);
    fail(`${session.target.what}: ${problem}`);
  }
  if (!(yield sizes.at(-1) ?? 0)) throw new CommandFailure(interruptSession(session), 1);
}

function* readCompoundHeader(stream: SendStream): ReceiveSteps<void> {
  const payload = compoundPayloadBytes(stream);
  if (!(yield RECORD_BYTES)) fail(NO_STREAM);
  if (payload > 0 && !(yield payload)) fail(`${NO_STREAM}\ncannot receive: invalid backup stream`);
  if (!(yield RECORD_BYTES)) fail(NO_STREAM);
}

/** `zfs receive OPTIONS` of a stream; `receiver` is the process that does it. Throws what the program prints. */
export function* receiveSteps(
  holder: WorldHolder,
  stream: SendStream,
  options: ReceiveOptions,
  receiver: number,
): ReceiveSteps {
  let printed = "";
  if (stream.compound !== null) yield* readCompoundHeader(stream);
  for (let i = 0; i < stream.substreams.length; i++) {
    const substream = stream.substreams[i];
    if (substream === undefined || !(yield RECORD_BYTES)) fail(NO_STREAM);
    const received = yield* receiveOne(holder, substream, options, stream.compound, receiver);
    printed += received.printed;
    if (!received.swallowsNext) continue;
    const swallowed = stream.substreams[++i];
    if (!(yield swallowed ? substreamBytes(swallowed) : RECORD_BYTES) || !swallowed) fail(NO_STREAM);
  }
  if (stream.compound !== null && !(yield RECORD_BYTES)) fail(NO_STREAM);
  return printed;
}
