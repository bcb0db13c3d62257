/** The passive side of a large stream's own connection: one step, checked afresh, with the connection handed to `zfs`. */
import type { OpenStream, Receiver, Sender, StepRequest } from "../endpoint/endpoint.ts";
import type { CommandResult, Runner } from "../zfs/runner.ts";
import type { TransferOptions } from "../zfs/transfer.ts";
import type { Served } from "./answers.ts";
import { readFrame } from "./byte-source.ts";
import type { Incoming } from "./incoming.ts";
import { encodeFrame, ProtocolError } from "./wire.ts";

export interface ServerStreamOptions {
  readonly served: Served;
  readonly step: StepRequest;
  readonly incoming: Incoming;
  readonly runner: Runner;
  /** Says hello back: from then on the connection is the stream's. */
  readonly welcome: () => Promise<void>;
  /** Told what `zfs send` prints, for the client to show progress. */
  readonly onSourceLine: (line: string) => void;
}

/** @throws what went wrong */
export async function serveStream(options: ServerStreamOptions): Promise<void> {
  const { served, step } = options;
  await served.endpoint.look(step.filesystem);
  if (served.role === "source") return send(served.endpoint, options);
  await served.admit(step);
  await receive(served.endpoint, options);
}

async function receive(endpoint: Receiver, { step, incoming, runner, welcome }: ServerStreamOptions): Promise<void> {
  const stream = await endpoint.openReceive(step);
  await welcome();
  const { sink } = await runner.transfer(incoming.toStreamSource(), stream.end, limited(stream));
  await judge(stream, sink);
  await incoming.write(encodeFrame({ done: true }));
}

async function send(
  endpoint: Sender,
  { step, incoming, runner, welcome, onSourceLine }: ServerStreamOptions,
): Promise<void> {
  const stream = await endpoint.openSend(step);
  await welcome();
  const frame = await readFrame(incoming.source);
  if (frame === undefined) return; // the client has changed its mind
  if (frame.header["go"] !== true) throw new ProtocolError("malformed message: go was expected");
  const { source } = await runner.transfer(stream.end, incoming.toStreamSink(), { ...limited(stream), onSourceLine });
  await judge(stream, source);
}

async function judge(stream: OpenStream, result: CommandResult | undefined): Promise<void> {
  const failure = await stream.judge(result);
  if (failure !== undefined) throw failure.error;
}

function limited({ limit }: OpenStream): Pick<TransferOptions, "limits"> {
  return limit === undefined ? {} : { limits: [limit] };
}
