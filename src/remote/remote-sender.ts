/** A sender on another host. What it gives is decided over there. */
import type {
  ConfirmedStep,
  DestroyFailure,
  DestroyRequest,
  FilesystemFailures,
  OpenStream,
  Sender,
  SideListing,
  StepRequest,
  StreamFailure,
} from "../endpoint/endpoint.ts";
import type { PoolFeatures } from "../zfs/pool-features.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { flag, integer, object, optional } from "./checks.ts";
import { connect, type Opened } from "./handshake.ts";
import { encodeConfirmed, encodeStep, resumeToken } from "./message.ts";
import {
  destroyRemotely,
  failuresOf,
  listRemotely,
  poolFeaturesRemotely,
  reclaimableRemotely,
} from "./remote-endpoint.ts";
import { ConnectionLostError, fromWire, printable, wireError } from "./remote-error.ts";
import type { RemoteOptions } from "./remote-receiver.ts";
import { encodeFrame } from "./wire.ts";

const estimateResult = optional(integer(0, Number.MAX_SAFE_INTEGER));
const sendResult = object({ large: flag });

/** How the passive side marks the line on stderr that says why a stream failed. */
export const ERROR_LINE = "zrepl-run-error ";

export class RemoteSender implements Sender {
  readonly job: string;
  readonly #options: RemoteOptions;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.job = options.session.welcome.job;
  }

  list(): Promise<SideListing> {
    return listRemotely(this.#options);
  }

  destroySnapshots(requests: readonly DestroyRequest[]): Promise<readonly DestroyFailure[]> {
    return destroyRemotely(this.#options.session, requests);
  }

  reclaimable(requests: readonly DestroyRequest[]): Promise<ReadonlyMap<string, number>> {
    return reclaimableRemotely(this.#options.session, requests);
  }

  poolFeatures(): Promise<PoolFeatures[]> {
    return poolFeaturesRemotely(this.#options.session);
  }

  async decodeToken(token: string): Promise<ResumeToken | undefined> {
    const { result } = await this.#options.session.call("decodeToken", { token });
    return optional(resumeToken)(result, "result");
  }

  async estimate(request: StepRequest): Promise<number | undefined> {
    const { result } = await this.#options.session.call("estimate", { step: encodeStep(request) });
    return estimateResult(result, "result");
  }

  async prepare(requests: readonly StepRequest[]): Promise<FilesystemFailures> {
    const { session } = this.#options;
    return failuresOf(session, await session.call("prepare", { steps: requests.map(encodeStep) }));
  }

  async complete(confirmed: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    const { session } = this.#options;
    return failuresOf(session, await session.call("complete", { steps: confirmed.map(encodeConfirmed) }));
  }

  /** A small stream comes with the answer; a large one gets a connection of its own, past Node where that can be. */
  async openSend(request: StepRequest): Promise<OpenStream> {
    const { session } = this.#options;
    const { result, payload } = await session.call("send", { step: encodeStep(request) });
    if (!sendResult(result, "result").large)
      return { end: { kind: "content", bytes: payload }, judge: async () => undefined, limit: undefined };
    return this.#openChannel(request);
  }

  async #openChannel(request: StepRequest): Promise<OpenStream> {
    const { session, transport, hello } = this.#options;
    await session.call("lock", {});
    const opened = await connect(transport, hello, request);
    const { connection } = opened;
    const giveUp = () => connection.abort();
    session.lost.addEventListener("abort", giveUp);
    let failure: StreamFailure | undefined;
    const done = outcome(opened, session.peer).then((found) => {
      failure = found;
      session.lost.removeEventListener("abort", giveUp);
    });
    return {
      end: {
        kind: "handle",
        stream: connection.input,
        viaNode: !connection.hasHandles,
        done,
        abort: giveUp,
        // Only now that the receiving end is in place may the other side send: nothing of it must pass through Node.
        begin: () => connection.output.write(encodeFrame({ go: true })),
        onLine: (listener) => connection.onLine(listener),
      },
      judge: async () => failure,
      limit: undefined,
    };
  }
}

/** How a stream that the other side sends came out over there, as far as its transport can tell. */
async function outcome({ connection }: Opened, peer: string): Promise<StreamFailure | undefined> {
  let said: string | undefined;
  connection.onLine((line) => {
    if (line.startsWith(ERROR_LINE)) said = line.slice(ERROR_LINE.length);
  });
  const { success, problem } = await connection.ended;
  if (success !== false) return undefined;
  const error = said === undefined ? undefined : reported(peer, said);
  if (error !== undefined) {
    const cause = "reason" in error && error.reason === "killed" ? "peer" : "own";
    return { error, cause };
  }
  const why = problem === undefined ? "" : `: ${printable(problem.message)}`;
  return { error: new ConnectionLostError(`lost the connection to ${peer} during the transfer${why}`), cause: "peer" };
}

function reported(peer: string, json: string): Error | undefined {
  try {
    return fromWire(peer, wireError(JSON.parse(json), "error"));
  } catch {
    return undefined;
  }
}
