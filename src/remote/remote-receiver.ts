/** A receiver on another host. What it accepts is decided over there. */
import type {
  ConfirmedStep,
  DestroyFailure,
  DestroyRequest,
  FilesystemFailures,
  Misplaced,
  OpenStream,
  Receiver,
  SideListing,
  StepRequest,
  StreamFailure,
} from "../endpoint/endpoint.ts";
import type { PoolFeatures } from "../zfs/pool-features.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { readFrame } from "./byte-source.ts";
import type { Transport } from "./connection.ts";
import { connect, type Hello, type Opened } from "./handshake.ts";
import { encodeConfirmed, encodeStep, encodeVersion, misplacedList } from "./message.ts";
import {
  destroyRemotely,
  failuresOf,
  listRemotely,
  poolFeaturesRemotely,
  reclaimableRemotely,
} from "./remote-endpoint.ts";
import { ConnectionLostError, fromWire, printable, wireError } from "./remote-error.ts";
import type { Session } from "./session.ts";
import { LIMITS } from "./wire.ts";

/** The session in use; a new one takes the place of one that is lost. */
export interface RemoteOptions {
  session: Session;
  readonly transport: Transport;
  hello: Hello;
  /** Connects again after the session was lost. @throws as `Session.open` */
  reopen?(): Promise<void>;
}

export class RemoteReceiver implements Receiver {
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

  async misplaced(filesystems: readonly string[]): Promise<ReadonlyMap<string, Misplaced>> {
    const { session } = this.#options;
    if (session.welcome.mapped !== true) return new Map();
    const { result } = await session.call("misplaced", { filesystems });
    const found = misplacedList(result, "result");
    return new Map(found.map(({ filesystem, kind, message }) => [filesystem, { kind, message: printable(message) }]));
  }

  /** A small stream goes over the session; a large one gets a connection of its own, past Node where that can be. */
  async openReceive(request: StepRequest): Promise<OpenStream> {
    let failure: StreamFailure | undefined;
    const note = (error: Error) => {
      failure ??= { error, cause: onlyNoticed(error) ? "peer" : "own" };
    };
    return {
      end: {
        kind: "sized",
        maxSmallBytes: LIMITS.payloadBytes,
        small: (payload) =>
          this.#options.session.call("receive", { step: encodeStep(request) }, { payload }).then(() => undefined, note),
        large: () => this.#openChannel(request, note),
      },
      judge: async () => failure,
      limit: undefined,
    };
  }

  async #openChannel(request: StepRequest, note: (error: Error) => void) {
    const { session, transport, hello } = this.#options;
    await session.call("lock", {});
    const opened = await connect(transport, hello, request);
    const { connection } = opened;
    const giveUp = () => connection.abort();
    session.lost.addEventListener("abort", giveUp);
    const done = outcome(opened, session)
      .catch(note)
      .then(async () => {
        session.lost.removeEventListener("abort", giveUp);
        connection.abort();
        if (!session.lost.aborted) await session.call("look", { filesystem: request.filesystem }).catch(note);
      });
    return { kind: "handle" as const, stream: connection.output, viaNode: !connection.hasHandles, done, abort: giveUp };
  }

  async confirm(received: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    const { session } = this.#options;
    return failuresOf(session, await session.call("confirm", { steps: received.map(encodeConfirmed) }));
  }

  async clearResumeState(filesystem: string): Promise<void> {
    await this.#options.session.call("clearResumeState", { filesystem });
  }

  async rollback(filesystem: string, to: FilesystemVersion, destroys: readonly FilesystemVersion[]): Promise<void> {
    const versions = { to: encodeVersion(to), destroys: destroys.map(encodeVersion) };
    await this.#options.session.call("rollback", { filesystem, ...versions });
  }

  async setAside(filesystem: string, suffix: string): Promise<void> {
    await this.#options.session.call("setAside", { filesystem, suffix });
  }
}

/** Waits for the other side's word on a stream that it receives. @throws what it says */
async function outcome({ connection, source }: Opened, { peer }: Session): Promise<void> {
  const frame = await readFrame(source);
  if (frame === undefined) {
    const { problem } = await connection.ended;
    const why = problem === undefined ? "" : `: ${printable(problem.message)}`;
    throw new ConnectionLostError(`lost the connection to ${peer} during the transfer${why}`);
  }
  if (frame.header["error"] !== undefined) throw fromWire(peer, wireError(frame.header["error"], "error"));
}

/** Whether the other side only saw its stream end early: then what happened on this side is the reason. */
function onlyNoticed(error: Error): boolean {
  const reason = "reason" in error ? error.reason : undefined;
  return reason === "stream-cut" || reason === "resume-state-available";
}
