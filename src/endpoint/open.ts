/** From a job to its two endpoints. */
import type { Config, PullJob, PushJob, SinkJob, SourceJob } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { Runner } from "../zfs/runner.ts";
import type { Receiver, Sender } from "./endpoint.ts";
import { LocalReceiver } from "./local-receiver.ts";
import { LocalSender } from "./local-sender.ts";

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
}

/** @throws {FailedError} when the other side can't be reached */
export async function openEndpoints(job: PushJob | PullJob, options: OpenOptions): Promise<Endpoints> {
  return job.type === "push" ? openPush(job, options) : openPull(job, options);
}

async function openPush(job: PushJob, { config, runner, warn }: OpenOptions): Promise<Endpoints> {
  const sender = new LocalSender({ runner, job: job.name, filter: job.filesystems, send: job.send, warn });
  const sink = localPeer(job, config, "sink");
  const clientIdentity = job.connect.type === "local" ? job.connect.clientIdentity : undefined;
  const receiver = new LocalReceiver({
    runner,
    job: sink.name,
    rootFs: sink.rootFs,
    clientIdentity,
    recv: sink.recv,
    warn,
  });
  const root = clientIdentity === undefined ? sink.rootFs : `${sink.rootFs}/${clientIdentity}`;
  return { sender, receiver, receiverName: (filesystem) => `${root}/${filesystem}`, close: async () => undefined };
}

async function openPull(job: PullJob, { config, runner, warn }: OpenOptions): Promise<Endpoints> {
  const source = localPeer(job, config, "source");
  const sender = new LocalSender({ runner, job: source.name, filter: source.filesystems, send: source.send, warn });
  const receiver = new LocalReceiver({
    runner,
    job: job.name,
    rootFs: job.rootFs,
    clientIdentity: undefined,
    recv: job.recv,
    warn,
  });
  return {
    sender,
    receiver,
    receiverName: (filesystem) => `${job.rootFs}/${filesystem}`,
    close: async () => undefined,
  };
}

/** The sink or source of the same config that serves a job's `local` connect. The loader has checked that there is one. */
function localPeer<T extends "sink" | "source">(
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
