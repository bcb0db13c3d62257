/** From a job to its two endpoints. */
import type { Config, Job, PullJob, PushJob, RecvOptions, SendOptions, SinkJob, SourceJob } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { ConnectOptions } from "../remote/connect.ts";
import type { Runner } from "../zfs/runner.ts";
import type { Receiver, Sender } from "./endpoint.ts";
import { LocalReceiver } from "./local-receiver.ts";
import { LocalSender } from "./local-sender.ts";
import { nameBy, Placement } from "./placement.ts";

export interface Endpoints {
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** The receiver's own name of a filesystem, for messages. */
  readonly receiverName: (filesystem: string) => string;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly config: Config;
  readonly runner: Runner;
  readonly warn: (message: string) => void;
  /** Ends connections to other hosts. */
  readonly interrupted: AbortSignal;
  /** For ssh; absent = empty. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How long the other side may wait for its lock. */
  readonly lockWaitSec: number;
}

const NOT_SENT: SendOptions = {
  encrypted: false,
  raw: false,
  sendProperties: false,
  backupProperties: false,
  largeBlocks: false,
  compressed: false,
  embeddedData: false,
  saved: false,
};

/**
 * The side of a job that is on this host, to be listed and pruned by itself. A sink's has the filesystems of all its
 * clients, each below the client's name.
 */
export function openOwnSide(
  job: Job,
  { runner, warn }: Pick<OpenOptions, "runner" | "warn">,
): { readonly side: "sender"; readonly endpoint: Sender } | { readonly side: "receiver"; readonly endpoint: Receiver } {
  const { name } = job;
  if (job.type === "sink" || job.type === "pull") {
    const { rootFs } = job;
    // by this host's names: whose they were on the sender does not matter here
    const { rootMapping: _, stripPrefix: __, ...recv } = job.recv;
    const endpoint = new LocalReceiver({ runner, job: name, rootFs, clientIdentity: undefined, recv, warn });
    return { side: "receiver", endpoint };
  }
  const send = job.type === "snap" ? NOT_SENT : job.send;
  return { side: "sender", endpoint: new LocalSender({ runner, job: name, filter: job.filesystems, send, warn }) };
}

/** @throws {ZreplRunError} when the other side can't be reached, or refuses */
export async function openEndpoints(job: PushJob | PullJob, options: OpenOptions): Promise<Endpoints> {
  return job.type === "push" ? openPush(job, options) : openPull(job, options);
}

async function openPush(job: PushJob, options: OpenOptions): Promise<Endpoints> {
  const { config, runner, warn } = options;
  const sender = localSender(job, options);
  if (job.connect.type !== "local") {
    const { connectReceiver } = await import("../remote/connect.ts");
    const {
      endpoint: receiver,
      nameOf: receiverName,
      close,
    } = await connectReceiver(job.connect, remoteOptions(job, options));
    return { sender, receiver, receiverName, close };
  }
  const sink = localPeer(job, config, "sink");
  const { clientIdentity } = job.connect;
  const { name, rootFs, recv } = sink;
  const receiver = new LocalReceiver({ runner, job: name, rootFs, clientIdentity, recv, warn });
  const receiverName = nameBy(new Placement(`${rootFs}/${clientIdentity}`, recv));
  return { sender, receiver, receiverName, close: async () => undefined };
}

async function openPull(job: PullJob, options: OpenOptions): Promise<Endpoints> {
  const { config, runner, warn } = options;
  const { name, rootFs } = job;
  const receiverName = nameBy(new Placement(rootFs, job.recv));
  const receiverFor = (recv: RecvOptions) =>
    new LocalReceiver({ runner, job: name, rootFs, clientIdentity: undefined, recv, warn });
  if (job.connect.type !== "local") {
    const [{ connectSender }, { guardedRecv }] = await Promise.all([
      import("../remote/connect.ts"),
      import("../remote/guarded-recv.ts"),
    ]);
    const { endpoint: sender, close } = await connectSender(job.connect, remoteOptions(job, options));
    return { sender, receiver: receiverFor(guardedRecv(job.recv)), receiverName, close };
  }
  const source = localPeer(job, config, "source");
  return {
    sender: localSender(source, options),
    receiver: receiverFor(job.recv),
    receiverName,
    close: async () => undefined,
  };
}

/** What a job has on this host to be replicated. */
export function localSender(
  { name, filesystems: filter, send }: PushJob | SourceJob,
  { config, runner, warn }: Pick<OpenOptions, "config" | "runner" | "warn">,
): LocalSender {
  const receivingRoots = config.jobs.flatMap((job) => (job.type === "sink" || job.type === "pull" ? [job.rootFs] : []));
  return new LocalSender({ runner, job: name, filter, send, receivingRoots, warn });
}

export function remoteOptions(
  job: PushJob | PullJob,
  { config, env = {}, interrupted, lockWaitSec, warn }: OpenOptions,
): ConnectOptions {
  return { job: job.name, runDir: config.global.lockDir, env, signal: interrupted, lockWaitSec, warn };
}

/** The sink or source of the same config that serves a job's `local` connect. The loader has checked that there is one. */
export function localPeer<T extends "sink" | "source">(
  job: PushJob | PullJob,
  config: Config,
  type: T,
): Extract<SinkJob | SourceJob, { type: T }> {
  const { connect } = job;
  if (connect.type !== "local") throw new FailedError(`job ${job.name}: this version can't connect by ${connect.type}`);
  const peer = config.jobs.find(
    (candidate): candidate is Extract<SinkJob | SourceJob, { type: T }> =>
      candidate.type === type &&
      candidate.serve.type === "local" &&
      candidate.serve.listenerName === connect.listenerName,
  );
  if (peer === undefined)
    throw new FailedError(
      `job ${job.name}: no ${type} job serves listener_name ${JSON.stringify(connect.listenerName)}`,
    );
  return peer;
}
