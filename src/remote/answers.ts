/** What a client may ask of an endpoint: how each question has to look, and what answers it. */
import type { DestroyRequest, FilesystemFailures, Receiver, Sender, StepRequest } from "../endpoint/endpoint.ts";
import { filesystemNameProblem } from "../zfs/name.ts";
import { type PoolFeatures, readPoolFeatures } from "../zfs/pool-features.ts";
import type { Runner } from "../zfs/runner.ts";
import { RULES } from "./access.ts";
import { list, matching, object } from "./checks.ts";
import {
  batchOf,
  confirmedStep,
  destroyRequest,
  encodeDestroyFailure,
  encodeFailures,
  encodeMisplaced,
  encodePoolFeatures,
  encodeReclaimable,
  filesystemName,
  resumeTokenText,
  stepRequest,
  version,
} from "./message.ts";
import { toWire } from "./remote-error.ts";
import type { Verb } from "./session.ts";
import { LIMITS, ProtocolError } from "./wire.ts";

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

/** What goes back beside the number of the question. */
export interface Result {
  readonly result?: unknown;
  readonly payload?: Buffer;
}

/** The answers of one session. */
export class Answers {
  /** The client was given a whole listing: the endpoint knows every filesystem. */
  hasListed = false;
  readonly #served: Served;
  readonly #runner: Runner;

  constructor(served: Served, runner: Runner) {
    this.#served = served;
    this.#runner = runner;
  }

  /**
   * Checks the arguments of a question.
   * @returns what answers it
   * @throws {ProtocolError}
   */
  to(verb: Verb, args: unknown, payload: Buffer): () => Promise<Result> {
    const served = this.#served;
    if (RULES[verb].roles.length > 1) return this.#shared(verb, args);
    return served.role === "sink"
      ? this.#receiving(served, verb, args, payload)
      : this.#sending(served.endpoint, verb, args);
  }

  #shared(verb: Verb, args: unknown): () => Promise<Result> {
    const { endpoint } = this.#served;
    switch (verb) {
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

  async #poolFeatures(): Promise<PoolFeatures[]> {
    const pools = this.#served.endpoint.pools();
    const found = await Promise.all(pools.map((pool) => readPoolFeatures(this.#runner, pool)));
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
          if (!this.hasListed) await endpoint.look(step.filesystem);
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
    const { sink } = await this.#runner.transfer({ kind: "content", bytes }, end, limits);
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
      const { source } = await this.#runner.transfer(end, sink, limit === undefined ? {} : { limits: [limit] });
      const failure = await judge(source);
      if (failure !== undefined) throw failure.error;
    } catch (error) {
      if (error === tooLarge) return { result: { large: true } };
      throw error;
    }
    return { result: { large: false }, ...(payload === undefined ? {} : { payload }) };
  }
}

function failures(found: FilesystemFailures): Result {
  return { result: encodeFailures(found, toWire) };
}
