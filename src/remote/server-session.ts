/** The passive side of a session: every question is checked, allowed or refused, and answered. */
import type { Writable } from "node:stream";
import type {
  DestroyRequest,
  FilesystemFailures,
  Receiver,
  Sender,
  SideListing,
  StepRequest,
} from "../endpoint/endpoint.ts";
import { asError, FailedError } from "../errors.ts";
import { filesystemNameProblem } from "../zfs/name.ts";
import { type PoolFeatures, readPoolFeatures } from "../zfs/pool-features.ts";
import type { Runner } from "../zfs/runner.ts";
import { type PassiveJob, RULES, requirePermission } from "./access.ts";
import { type ByteSource, readFrame } from "./byte-source.ts";
import { integer, list, matching, object } from "./checks.ts";
import type { Hello } from "./handshake.ts";
import {
  batchOf,
  confirmedStep,
  destroyRequest,
  encodeDestroyFailure,
  encodeFailures,
  encodeListing,
  encodeMisplaced,
  encodePoolFeatures,
  encodeReclaimable,
  filesystemName,
  resumeTokenText,
  stepRequest,
  version,
} from "./message.ts";
import { ConnectionLostError, toWire } from "./remote-error.ts";
import type { Verb } from "./session.ts";
import { encodeFrame, type Frame, LIMITS, ProtocolError } from "./wire.ts";

/** What a local endpoint can do beside what both sides of replication need. */
export interface Servable {
  /** Looks at one filesystem without listing all. */
  look(filesystem: string): Promise<void>;
  /** The pools of what was listed. */
  pools(): readonly string[];
  reclaimable(requests: readonly DestroyRequest[]): Promise<ReadonlyMap<string, number>>;
}

/** The endpoint of a job, in its role; a sink that gives something back is a source. */
export type Served =
  | { readonly role: "sink"; readonly endpoint: Receiver & Servable; admit(step: StepRequest): Promise<void> }
  | { readonly role: "source"; readonly endpoint: Sender & Servable };

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
const steps = object({ steps: batchOf(stepRequest) });
const confirmed = object({ steps: batchOf(confirmedStep) });
const oneStep = object({ step: stepRequest });
const oneFilesystem = object({ filesystem: filesystemName });
const names = object({ filesystems: batchOf(filesystemName) });
const token = object({ token: resumeTokenText });
const rollback = object({ filesystem: filesystemName, to: version, destroys: batchOf(version) });
const setAside = object({
  filesystem: filesystemName,
  suffix: matching(/^\.[\w.:-]+$/, "a suffix that begins with a dot", 100),
});
const destroy = object({ requests: list(destroyRequest, 20_000) });

interface Result {
  readonly result?: unknown;
  readonly payload?: Buffer;
}

/** Serves until the client ends the session. @throws {ProtocolError | ConnectionLostError} when it does not end well */
export async function serveSession(options: ServerSessionOptions): Promise<void> {
  await new ServerSession(options).run();
}

class ServerSession {
  readonly #options: ServerSessionOptions;
  readonly #open = new Map<number, Promise<void>>();
  #hasListed = false;
  #isListing = false;

  constructor(options: ServerSessionOptions) {
    this.#options = options;
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
    const act = rule.roles.length > 1 ? this.#shared(verb, id, args) : this.#own(verb, args, payload);
    if (rule.changes) await lock();
    return act();
  }

  #own(verb: Verb, args: unknown, payload: Buffer): () => Promise<Result> {
    const { served } = this.#options;
    return served.role === "sink"
      ? this.#receiving(served, verb, args, payload)
      : this.#sending(served.endpoint, verb, args);
  }

  #shared(verb: Verb, id: number, args: unknown): () => Promise<Result> {
    const { endpoint } = this.#options.served;
    switch (verb) {
      case "list":
        return () => this.#list(id);
      case "look": {
        const { filesystem } = oneFilesystem(args, "args");
        return () => endpoint.look(filesystem).then(() => ({}));
      }
      case "lock":
        return async () => ({});
      case "poolFeatures":
        return async () => ({ result: (await this.#poolFeatures()).map(encodePoolFeatures) });
      case "reclaimable": {
        const { requests } = destroy(args, "args");
        return async () => ({ result: encodeReclaimable(await endpoint.reclaimable(requests)) });
      }
      case "destroySnapshots": {
        const { requests } = destroy(args, "args");
        return async () => ({ result: (await endpoint.destroySnapshots(requests)).map(encodeDestroyFailure) });
      }
      default:
        throw new ProtocolError("malformed message: unknown question");
    }
  }

  /** One at a time: a listing may be large. */
  async #list(id: number): Promise<Result> {
    if (this.#isListing) throw new ProtocolError("a listing is under way");
    this.#isListing = true;
    try {
      await this.#writeListing(id, await this.#options.served.endpoint.list());
      this.#hasListed = true;
      return {};
    } finally {
      this.#isListing = false;
    }
  }

  async #poolFeatures(): Promise<PoolFeatures[]> {
    const { served, runner } = this.#options;
    const found = await Promise.all(served.endpoint.pools().map((pool) => readPoolFeatures(runner, pool)));
    return found.filter((features) => features !== undefined);
  }

  #receiving(
    served: Extract<Served, { role: "sink" }>,
    verb: Verb,
    args: unknown,
    payload: Buffer,
  ): () => Promise<Result> {
    const { endpoint } = served;
    switch (verb) {
      case "receive": {
        const { step } = oneStep(args, "args");
        return async () => {
          await served.admit(step);
          if (!this.#hasListed) await endpoint.look(step.filesystem);
          await this.#receiveSmall(endpoint, step, payload);
          return {};
        };
      }
      case "confirm": {
        const request = confirmed(args, "args");
        return () => endpoint.confirm(request.steps).then(failures);
      }
      case "misplaced": {
        const { filesystems } = names(args, "args");
        return async () => ({ result: encodeMisplaced((await endpoint.misplaced?.(filesystems)) ?? new Map()) });
      }
      case "clearResumeState": {
        const { filesystem } = oneFilesystem(args, "args");
        return () => endpoint.clearResumeState(filesystem).then(() => ({}));
      }
      case "rollback": {
        const { filesystem, to, destroys } = rollback(args, "args");
        return () => endpoint.rollback(filesystem, to, destroys).then(() => ({}));
      }
      case "setAside": {
        const { filesystem, suffix } = setAside(args, "args");
        const problem = filesystemNameProblem(filesystem + suffix);
        if (problem !== undefined) throw new ProtocolError(`malformed message: the new name ${problem}`);
        return () => endpoint.setAside(filesystem, suffix).then(() => ({}));
      }
      default:
        throw new ProtocolError("malformed message: unknown question");
    }
  }

  #sending(endpoint: Sender, verb: Verb, args: unknown): () => Promise<Result> {
    switch (verb) {
      case "decodeToken": {
        const request = token(args, "args");
        return async () => ({ result: (await endpoint.decodeToken(request.token)) ?? null });
      }
      case "estimate": {
        const { step } = oneStep(args, "args");
        return async () => ({ result: (await endpoint.estimate(step)) ?? null });
      }
      case "prepare": {
        const request = steps(args, "args");
        return () => endpoint.prepare(request.steps).then(failures);
      }
      case "complete": {
        const request = confirmed(args, "args");
        return () => endpoint.complete(request.steps).then(failures);
      }
      case "send": {
        const { step } = oneStep(args, "args");
        return () => this.#sendSmall(endpoint, step);
      }
      default:
        throw new ProtocolError("malformed message: unknown question");
    }
  }

  async #receiveSmall(endpoint: Receiver, step: StepRequest, bytes: Buffer): Promise<void> {
    const { end, judge, limit } = await endpoint.openReceive(step);
    const limits = limit === undefined ? {} : { limits: [limit] };
    const { sink } = await this.#options.runner.transfer({ kind: "content", bytes }, end, limits);
    const failure = await judge(sink);
    if (failure !== undefined) throw failure.error;
  }

  async #sendSmall(endpoint: Sender, step: StepRequest): Promise<Result> {
    const { end, judge, limit } = await endpoint.openSend(step);
    let payload: Buffer | undefined;
    const tooLarge = new Error("large");
    const sink = {
      kind: "sized" as const,
      maxSmallBytes: LIMITS.payloadBytes,
      small: async (bytes: Buffer) => {
        payload = bytes;
      },
      large: () => Promise.reject(tooLarge),
    };
    try {
      const { source } = await this.#options.runner.transfer(end, sink, limit === undefined ? {} : { limits: [limit] });
      const failure = await judge(source);
      if (failure !== undefined) throw failure.error;
    } catch (error) {
      if (error === tooLarge) return { result: { large: true } };
      throw error;
    }
    return { result: { large: false }, ...(payload === undefined ? {} : { payload }) };
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

function failures(found: FilesystemFailures): Result {
  return { result: encodeFailures(found, toWire) };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
