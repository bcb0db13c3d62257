/**
 * What a receiver gives back: the way of a restore. Everything it sends is a snapshot below the receiver's root, named as on
 * the sender that it came from. It destroys nothing.
 */
import { FailedError } from "../errors.ts";
import { lastReceivedHoldTag } from "../zfs/abstraction.ts";
import { buildSendArgv, buildSendEstimateArgv, NO_SEND_FLAGS, type SendTarget } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { holdSnapshots } from "../zfs/hold.ts";
import { listProperty } from "../zfs/list.ts";
import { poolOf, splitSnapshot } from "../zfs/name.ts";
import { parseSendEstimate } from "../zfs/parse.ts";
import { decodeResumeToken, type ResumeToken } from "../zfs/resume-token.ts";
import type { Runner } from "../zfs/runner.ts";
import type {
  ConfirmedStep,
  DestroyFailure,
  FilesystemFailures,
  FilesystemState,
  OpenStream,
  Sender,
  SideListing,
  StepRequest,
} from "./endpoint.ts";
import { missingPools } from "./missing-pool.ts";
import { type ObservedFilesystem, observe, stateOf } from "./observe.ts";
import type { Placement } from "./placement.ts";
import { judgeSend } from "./send-failure.ts";
import { resumeTokenProblem, versionProblem } from "./send-rules.ts";
import { StepProtection } from "./step-protection.ts";

export interface ReplicaSenderOptions {
  readonly runner: Runner;
  /** The sink or pull job. */
  readonly job: string;
  readonly placement: Placement;
  /** Told of leftovers that could not be removed. */
  readonly warn: (message: string) => void;
}

interface Replica {
  readonly state: FilesystemState;
  /** It was received as it is, encrypted, and goes back like that. */
  readonly raw: boolean;
}

export class ReplicaSender implements Sender {
  readonly job: string;
  readonly #options: ReplicaSenderOptions;
  readonly #protection: StepProtection;
  readonly #replicas = new Map<string, Replica>();

  constructor(options: ReplicaSenderOptions) {
    this.job = options.job;
    this.#options = options;
    this.#protection = new StepProtection(options.runner, options.job, options.warn);
  }

  async list(): Promise<SideListing> {
    const { placement, runner } = this.#options;
    const isReplica = (name: string) => placement.originalOf(name) !== undefined;
    const { filesystems, missingRoots } = await observe(runner, { roots: [placement.root] }, isReplica);
    this.#replicas.clear();
    await this.#take(filesystems);
    return {
      filesystems: [...this.#replicas.values()].map(({ state }) => state),
      problems: await missingPools(runner, missingRoots),
    };
  }

  /** Looks at one filesystem instead of `list()`: all that a send of it needs to know. */
  async look(filesystem: string): Promise<void> {
    const name = this.#name(filesystem);
    const { filesystems } = await observe(this.#options.runner, { roots: [name], depth: 1 }, (found) => found === name);
    this.#replicas.delete(name);
    await this.#take(filesystems);
  }

  async decodeToken(token: string): Promise<ResumeToken | undefined> {
    const decoded = await decodeResumeToken(this.#options.runner, token);
    if (decoded === undefined) return decoded;
    return this.#renamed(decoded, (name) => this.#options.placement.originalOf(name));
  }

  async estimate(request: StepRequest): Promise<number | undefined> {
    const argv = buildSendEstimateArgv(await this.#target(request));
    const result = await this.#options.runner.run(argv);
    if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
    return parseSendEstimate(result.stdout);
  }

  /** Holds what is to be sent, so that pruning leaves it until the restore is done, even if it is interrupted. */
  async prepare(requests: readonly StepRequest[]): Promise<FilesystemFailures> {
    for (const { filesystem } of requests) this.#replica(filesystem);
    return this.#asAsked(requests, await this.#protection.prepare(requests.map((request) => this.#here(request))));
  }

  async openSend(request: StepRequest): Promise<OpenStream> {
    const argv = buildSendArgv(await this.#target(request));
    const { filesystem } = request;
    return {
      end: { kind: "command", argv },
      judge: async (result) => (result === undefined ? undefined : judgeSend(argv, filesystem, result)),
      limit: undefined,
    };
  }

  /** The next replication will start from a replica's newest snapshot: the last-received hold, then step holds go. */
  async complete(confirmed: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    const tag = lastReceivedHoldTag(this.job);
    const bases = confirmed.filter(({ filesystem, to }) => {
      const { versions, holds } = this.#replica(filesystem).state;
      const newest = versions.findLast(({ kind }) => kind === "snapshot");
      return newest?.guid === to.guid && holds.get(to.name)?.includes(tag) !== true;
    });
    const failures = new Map<string, Error>();
    const held = await holdSnapshots(
      this.#options.runner,
      tag,
      bases.map(({ filesystem, to }) => `${this.#name(filesystem)}@${to.name}`),
    );
    for (const [snapshot, error] of held) failures.set(splitSnapshot(snapshot)[0], error);
    const done = confirmed.map(
      ({ filesystem, to, unfinished }): ConfirmedStep => ({
        filesystem: this.#name(filesystem),
        to,
        guarantee: "guarantee_nothing", // a replica has no cursor
        unfinished: unfinished && this.#here(unfinished),
      }),
    );
    for (const [filesystem, error] of await this.#protection.complete(done)) failures.set(filesystem, error);
    return this.#asAsked(confirmed, failures);
  }

  async destroySnapshots(): Promise<DestroyFailure[]> {
    throw new FailedError("a restore destroys nothing");
  }

  async reclaimable(): Promise<ReadonlyMap<string, number>> {
    return new Map();
  }

  pools(): readonly string[] {
    return [poolOf(this.#options.placement.root)];
  }

  #name(filesystem: string): string {
    return this.#options.placement.nameOf(filesystem);
  }

  #here(request: StepRequest): StepRequest {
    return { ...request, filesystem: this.#name(request.filesystem), guarantee: "guarantee_resumability" };
  }

  /** Failures by the names that the other side used. */
  #asAsked(asked: readonly { readonly filesystem: string }[], failures: FilesystemFailures): FilesystemFailures {
    const names = new Map(asked.map(({ filesystem }) => [this.#name(filesystem), filesystem]));
    return new Map([...failures].map(([name, error]) => [names.get(name) ?? name, error]));
  }

  #renamed(token: ResumeToken, originalOf: (name: string) => string | undefined): ResumeToken {
    const [name = "", snapshot = ""] = token.toName.split("@");
    const original = originalOf(name);
    return original === undefined ? token : { ...token, toName: `${original}@${snapshot}` };
  }

  #replica(filesystem: string): Replica {
    const replica = this.#replicas.get(this.#name(filesystem));
    if (replica === undefined) throw new FailedError(`there is no replica of ${filesystem} here`);
    return replica;
  }

  async #take(observed: readonly ObservedFilesystem[]): Promise<void> {
    const encrypted = observed.filter((found) => found.encrypted);
    const { placement } = this.#options;
    const encryptionRoots = await this.#encryptionRoots(encrypted);
    const states: FilesystemState[] = [];
    for (const found of observed) {
      const original = placement.originalOf(found.name);
      if (original === undefined) continue;
      const raw = found.encrypted && placement.originalOf(encryptionRoots.get(found.name) ?? "") !== undefined;
      const state = stateOf(found, original);
      this.#replicas.set(found.name, { state, raw });
      states.push(stateOf(found, found.name));
    }
    this.#protection.observe(states);
  }

  /** Whose key opens a replica: its own or another replica's where it came encrypted, else that of the receiver. */
  async #encryptionRoots(encrypted: readonly ObservedFilesystem[]): Promise<ReadonlyMap<string, string>> {
    if (encrypted.length === 0) return new Map();
    const roots = encrypted.length === 1 ? encrypted.map(({ name }) => name) : [this.#options.placement.root];
    return listProperty(this.#options.runner, "encryptionroot", roots);
  }

  /** Checks a request against what was listed, and says what to send. */
  async #target(request: StepRequest): Promise<SendTarget> {
    const { state, raw } = this.#replica(request.filesystem);
    const here = this.#name(request.filesystem);
    const problem = versionProblem(state, request);
    if (problem !== undefined) throw new FailedError(problem);
    if (request.from?.kind === "bookmark")
      throw new FailedError(`${request.filesystem}: a restore sends snapshots only`);
    if (request.resumeToken !== undefined) {
      const decoded = await decodeResumeToken(this.#options.runner, request.resumeToken);
      const token = decoded && this.#renamed(decoded, (name) => (name === here ? request.filesystem : undefined));
      const refusal = resumeTokenProblem(token, request, state.encrypted, { encrypted: raw });
      if (refusal !== undefined) throw new FailedError(`${request.filesystem}: ${refusal}`);
      return { resumeToken: request.resumeToken };
    }
    return {
      to: `${here}@${request.to.name}`,
      ...(request.from === undefined ? {} : { from: `${here}@${request.from.name}` }),
      intermediates: request.via.length > 0,
      // large blocks as they are: otherwise the next replication would meet blocks of another size; not compressed: the
      // original's pool may not know what the receiver's pool compresses with
      flags: { ...NO_SEND_FLAGS, raw, largeBlocks: true },
    };
  }
}
