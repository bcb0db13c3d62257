/** The content of one snapshot on both sides: full streams of it, and what they carry, by SHA-256. */
import type { Sender } from "../endpoint/endpoint.ts";
import { buildSendArgv } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import type { Runner } from "../zfs/runner.ts";
import { type StreamContent, StreamDigest } from "../zfs/stream-digest.ts";
import type { StreamEnd } from "../zfs/transfer.ts";
import type { CommonSnapshot, Comparison } from "./compare.ts";

export interface ContentSources {
  readonly runner: Runner;
  /** Reads the receiver's side. */
  readonly replicas: Sender;
}

/** undefined = the same. @throws when one side can't be read */
export async function differenceOf(
  { filesystem, type }: Pick<Comparison, "filesystem" | "type">,
  { sender, receiver }: CommonSnapshot,
  { runner, replicas }: ContentSources,
): Promise<string | undefined> {
  const step = { filesystem, type, from: undefined, to: receiver, resumeToken: undefined, via: [] };
  const theirs = await read(runner, await replicas.openSend({ ...step, guarantee: "guarantee_nothing" }));
  const flags = { properties: false, backup: false, compressed: false, embedded: false, saved: false };
  const argv = buildSendArgv({
    to: `${filesystem}@${sender.name}`,
    // as the replica is: without -L, it was received in pieces of 128 KiB
    flags: { ...flags, raw: theirs.raw, largeBlocks: theirs.largeBlocks },
  });
  const ours = await read(runner, {
    end: { kind: "command", argv },
    judge: async (result) =>
      result === undefined || result.exitCode === 0
        ? undefined
        : { error: new ZfsCommandError(argv, result), cause: "own" },
  });
  if (ours.digest === theirs.digest) return undefined;
  return `the content of @${sender.name} is not the same on both sides: ${ours.bytes} bytes with SHA-256 ${ours.digest} on the sender, ${theirs.bytes} bytes with ${theirs.digest} on the receiver`;
}

type Source = { readonly end: StreamEnd } & Pick<Awaited<ReturnType<Sender["openSend"]>>, "judge">;

async function read(runner: Runner, { end, judge }: Source): Promise<StreamContent> {
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
