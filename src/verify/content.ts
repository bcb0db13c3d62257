/** The content of one snapshot on both sides: full streams of it, and what they carry, by SHA-256. */
import type { OpenStream, Sender, StepRequest } from "../endpoint/endpoint.ts";
import { FailedError } from "../errors.ts";
import type { Runner } from "../zfs/runner.ts";
import { type StreamContent, StreamDigest } from "../zfs/stream-digest.ts";
import type { StreamEnd } from "../zfs/transfer.ts";
import type { CommonSnapshot, Comparison } from "./compare.ts";

export interface ContentSources {
  readonly runner: Runner;
  /** The job's. */
  readonly originals: Sender;
  /** Reads the receiver's side. */
  readonly replicas: Sender;
}

/** undefined = the same. @throws when one side can't be read */
export async function differenceOf(
  { filesystem, type }: Pick<Comparison, "filesystem" | "type">,
  { sender, receiver }: CommonSnapshot,
  { runner, originals, replicas }: ContentSources,
): Promise<string | undefined> {
  const step = {
    filesystem,
    type,
    from: undefined,
    resumeToken: undefined,
    via: [],
    guarantee: "guarantee_nothing",
  } as const;
  const read = async (side: Sender, request: StepRequest) => contentOf(runner, await side.openSend(request));
  const theirs = await read(replicas, { ...step, to: receiver });
  // as the replica is: without -L, it was received in pieces of 128 KiB
  const comparison = { largeBlocks: theirs.largeBlocks };
  const ours = await read(originals, { ...step, to: sender, comparison });
  if (ours.raw !== theirs.raw)
    throw new FailedError(
      ours.raw
        ? "it is sent encrypted (raw), and was not when it was replicated"
        : "it is not sent encrypted (raw), and was when it was replicated",
    );
  if (ours.digest === theirs.digest) return undefined;
  return `the content of @${sender.name} is not the same on both sides: ${ours.bytes} bytes with SHA-256 ${ours.digest} on the sender, ${theirs.bytes} bytes with ${theirs.digest} on the receiver`;
}

async function contentOf(runner: Runner, { end, judge }: OpenStream): Promise<StreamContent> {
  const digest = new StreamDigest();
  const finished = new Promise<void>((resolve, reject) => {
    digest.once("finish", resolve);
    digest.once("error", reject);
  });
  finished.catch(() => undefined);
  const abort = () => digest.destroy(new Error("the transfer was given up"));
  const sink: StreamEnd = { kind: "handle", stream: digest, viaNode: true, done: finished, abort };
  const { source } = await runner.transfer(end, sink, {});
  const failure = await judge(source);
  if (failure !== undefined) throw failure.error;
  return digest.content();
}
