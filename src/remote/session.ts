/** The active side's session: questions and answers over one connection, and a pulse that tells whether it lives. */
import { type ByteSource, readFrame } from "./byte-source.ts";
import { integer, list, object, oneOf, text } from "./checks.ts";
import type { Connection, Transport } from "./connection.ts";
import { connect, type Hello, type Welcome } from "./handshake.ts";
import { ConnectionLostError, fromWire, printable, wireError } from "./remote-error.ts";
import { encodeFrame, type Frame, LIMITS, ProtocolError } from "./wire.ts";

/** Questions, with what they may change over there (docs/protocol.md). */
export type Verb =
  | "list"
  | "decodeToken"
  | "estimate"
  | "prepare"
  | "send"
  | "complete"
  | "receive"
  | "confirm"
  | "clearResumeState"
  | "rollback"
  | "setAside"
  | "destroySnapshots"
  | "reclaimable"
  | "poolFeatures"
  | "lock"
  | "look"
  | "misplaced";

export interface Answer {
  readonly result: unknown;
  readonly payload: Buffer;
}

interface Pending {
  readonly onItem: ((item: unknown) => void) | undefined;
  /** Heard so far. */
  bytes: number;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export interface SessionOptions {
  readonly transport: Transport;
  readonly hello: Hello;
  /** Told what the other side warns of. */
  readonly warn: (message: string) => void;
}

const items = list<unknown>((value) => value, 1_000_000);
const log = object({ level: oneOf("debug", "info", "warn", "error"), message: text(64 * 1024) });
const anyId = integer(1, Number.MAX_SAFE_INTEGER);

export class Session {
  readonly welcome: Welcome;
  readonly #connection: Connection;
  readonly #source: ByteSource;
  readonly #options: SessionOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #lost = new AbortController();
  #nextId = 1;
  #logs = 0;
  readonly #pulse: NodeJS.Timeout;

  /** @throws {ConnectError | ProtocolError | RemoteError} */
  static async open(options: SessionOptions): Promise<Session> {
    const { connection, source, welcome } = await connect(options.transport, options.hello);
    const session = new Session(options, connection, source, welcome);
    void session.#listen();
    return session;
  }

  private constructor(options: SessionOptions, connection: Connection, source: ByteSource, welcome: Welcome) {
    this.#options = options;
    this.#connection = connection;
    this.#source = source;
    this.welcome = welcome;
    const intervalMs = (options.hello.keepAliveSec * 1000) / 3;
    this.#pulse = setInterval(() => this.#beat(), intervalMs);
    this.#pulse.unref();
  }

  /** Aborts when the connection is lost; the reason says why. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get peer(): string {
    return this.#options.transport.peer;
  }

  /** Asks. `onItem` gets the parts of an answer that comes in parts. @throws {RemoteError | ConnectionLostError} */
  call(
    verb: Verb,
    args: object,
    options: { readonly payload?: Buffer; readonly onItem?: (item: unknown) => void } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#lost.signal.throwIfAborted();
      const id = this.#nextId++;
      const frame = encodeFrame({ id, call: verb, args }, options.payload);
      this.#pending.set(id, { onItem: options.onItem, bytes: 0, resolve, reject });
      this.#connection.output.write(frame);
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#pulse);
    if (!this.#lost.signal.aborted) this.#connection.output.end();
    const timer = setTimeout(() => this.#connection.abort(), 10_000);
    await this.#connection.ended;
    clearTimeout(timer);
  }

  #beat(): void {
    const silentSec = (performance.now() - this.#source.heardAtMs) / 1000;
    const { keepAliveSec } = this.#options.hello;
    if (silentSec > keepAliveSec) {
      this.#lose(
        new ConnectionLostError(`${this.peer} has been silent for ${Math.round(silentSec)} s; connection given up`),
      );
      this.#connection.abort();
    } else if (!this.#lost.signal.aborted) this.#connection.output.write(encodeFrame({ ping: true }));
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const frame = await readFrame(this.#source);
        if (frame === undefined) break;
        this.#hear(frame);
      }
      const { problem } = await this.#connection.ended;
      const why = problem === undefined ? "" : `: ${printable(problem.message)}`;
      this.#lose(new ConnectionLostError(`${this.peer} closed the connection${why}`));
    } catch (error) {
      this.#connection.abort();
      const why = error instanceof Error ? error.message : String(error);
      this.#lose(
        error instanceof ProtocolError
          ? error
          : new ConnectionLostError(`lost the connection to ${this.peer}: ${why}`, { cause: error }),
      );
    }
  }

  #hear({ header, payload, bytes }: Frame): void {
    if (header["log"] !== undefined) {
      const { message } = log(header["log"], "log");
      this.#logs++;
      if (this.#logs < LIMITS.logs) this.#options.warn(`${this.peer}: ${printable(message)}`);
      else if (this.#logs === LIMITS.logs) this.#options.warn(`${this.peer} says too much; the rest is left out`);
      return;
    }
    if (header["error"] !== undefined && header["id"] === undefined)
      throw fromWire(this.peer, wireError(header["error"], "error"));
    if (header["id"] === undefined) return; // a pong, or something that a later version says
    const id = anyId(header["id"], "id");
    const pending = this.#pending.get(id);
    if (pending === undefined) throw new ProtocolError(`${this.peer} answered what was not asked`);
    pending.bytes += bytes;
    if (pending.bytes > LIMITS.answerBytes)
      throw new ProtocolError(`${this.peer} answers without end: more than ${LIMITS.answerBytes} bytes`);
    if (header["items"] !== undefined) {
      for (const item of items(header["items"], "items")) pending.onItem?.(item);
      return;
    }
    this.#pending.delete(id);
    if (header["error"] !== undefined) pending.reject(fromWire(this.peer, wireError(header["error"], "error")));
    else pending.resolve({ result: header["result"], payload });
  }

  #lose(error: Error): void {
    clearInterval(this.#pulse);
    if (!this.#lost.signal.aborted) this.#lost.abort(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
