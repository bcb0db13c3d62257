/** The passive side of a session: every question is heard, allowed or refused, and its answer written. */
import type { Writable } from "node:stream";
import type { SideListing } from "../endpoint/endpoint.ts";
import { asError, FailedError } from "../errors.ts";
import type { Runner } from "../zfs/runner.ts";
import { type PassiveJob, RULES, requirePermission } from "./access.ts";
import { Answers, type Result, type Served } from "./answers.ts";
import { type ByteSource, readFrame } from "./byte-source.ts";
import { integer } from "./checks.ts";
import type { Hello } from "./handshake.ts";
import { encodeListing } from "./message.ts";
import { ConnectionLostError, toWire } from "./remote-error.ts";
import type { Verb } from "./session.ts";
import { encodeFrame, type Frame, ProtocolError } from "./wire.ts";

export interface ServerSessionOptions {
  readonly job: PassiveJob;
  readonly served: Served;
  readonly hello: Hello;
  readonly runner: Runner;
  readonly source: ByteSource;
  readonly output: Writable;
  /** Takes the client's lock. */
  readonly lock: () => Promise<void>;
  /** Ends all that runs for this client. */
  readonly abort: (error: Error) => void;
  readonly signal: AbortSignal;
  /** Told of errors that are bugs. */
  readonly onBug: (error: unknown) => void;
}

/** Questions that may be open at once. */
const MAX_OPEN = 64;
const ITEMS_PER_FRAME = 1000;

const callId = integer(1, Number.MAX_SAFE_INTEGER);

/** Serves until the client ends the session. @throws {ProtocolError | ConnectionLostError} when it does not end well */
export async function serveSession(options: ServerSessionOptions): Promise<void> {
  await new ServerSession(options).run();
}

class ServerSession {
  readonly #options: ServerSessionOptions;
  readonly #answers: Answers;
  readonly #open = new Map<number, Promise<void>>();
  #isListing = false;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
    this.#answers = new Answers(options.served, options.runner);
  }

  async run(): Promise<void> {
    const { source, hello, abort, signal } = this.#options;
    const keepAliveMs = hello.keepAliveSec * 1000;
    const pulse = setInterval(() => {
      if (performance.now() - source.heardAtMs > keepAliveMs)
        abort(new ConnectionLostError(`the client has been silent for ${hello.keepAliveSec} s`));
    }, keepAliveMs / 4);
    const stopped = aborted(signal);
    stopped.catch(() => undefined);
    try {
      for (;;) {
        const frame = await Promise.race([readFrame(source), stopped]);
        if (frame === undefined) break;
        this.#hear(frame);
      }
      if (this.#open.size > 0) abort(new ConnectionLostError("the client is gone"));
    } catch (error) {
      abort(asError(error));
      if (!signal.aborted || error instanceof ProtocolError) await this.#write(encodeFrame({ error: toWire(error) }));
      throw error;
    } finally {
      clearInterval(pulse);
      await Promise.all(this.#open.values());
    }
  }

  #hear({ header, payload }: Frame): void {
    if (header["ping"] !== undefined) {
      // What waits to be read is a sign of life too: pongs must not pile up for a client that does not read.
      if (!this.#options.output.writableNeedDrain) void this.#write(encodeFrame({ pong: true }));
      return;
    }
    const id = callId(header["id"], "id");
    if (this.#open.has(id)) throw new ProtocolError(`question ${id} is open already`);
    if (this.#open.size >= MAX_OPEN) throw new ProtocolError(`more than ${MAX_OPEN} questions at once`);
    const answer = this.#answer(id, header, payload).finally(() => this.#open.delete(id));
    this.#open.set(id, answer);
  }

  /** Never rejects. */
  async #answer(id: number, header: Frame["header"], payload: Buffer): Promise<void> {
    try {
      const { result, payload: content } = await this.#do(id, header, payload);
      await this.#write(encodeFrame({ id, result }, content));
    } catch (error) {
      const wire = toWire(error);
      if (wire.name === "InternalError" && !this.#options.signal.aborted) this.#options.onBug(error);
      await this.#write(encodeFrame({ id, error: wire }));
    }
  }

  async #do(id: number, { call, args }: Frame["header"], payload: Buffer): Promise<Result> {
    const { served, job, lock } = this.#options;
    if (typeof call !== "string" || !Object.hasOwn(RULES, call))
      throw new ProtocolError("malformed message: unknown question");
    const verb = call as Verb;
    const rule = RULES[verb];
    if (!rule.roles.includes(served.role)) throw new FailedError(`a ${served.role} job can't be asked to ${verb}`);
    requirePermission(job, rule.permission);
    // check the question before the lock is taken: nonsense must not wait, nor keep others waiting
    const act = verb === "list" ? () => this.#list(id) : this.#answers.to(verb, args, payload);
    if (rule.changes) await lock();
    return act();
  }

  /** One at a time: a listing may be large. */
  async #list(id: number): Promise<Result> {
    if (this.#isListing) throw new ProtocolError("a listing is under way");
    this.#isListing = true;
    try {
      await this.#writeListing(id, await this.#options.served.endpoint.list());
      this.#answers.hasListed = true;
      return {};
    } finally {
      this.#isListing = false;
    }
  }

  async #writeListing(id: number, listing: SideListing): Promise<void> {
    let items: unknown[] = [];
    for (const item of encodeListing(listing.filesystems, listing.problems)) {
      items.push(item);
      if (items.length < ITEMS_PER_FRAME) continue;
      await this.#write(encodeFrame({ id, items }));
      items = [];
    }
    if (items.length > 0) await this.#write(encodeFrame({ id, items }));
  }

  /** Waits for a client that reads slowly; one that does not read at all is silent too. Never rejects. */
  async #write(bytes: Buffer): Promise<void> {
    const { output, signal } = this.#options;
    if (output.destroyed || output.writableEnded || output.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ["drain", "close", "error"]) output.off(event, done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      for (const event of ["drain", "close", "error"]) output.once(event, done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
