/** The sender on this host's ZFS. */
import type { FilesystemFilter, SendOptions } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { buildSendArgv, buildSendEstimateArgv, NO_SEND_FLAGS, type SendFlags, type SendTarget } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { poolOf } from "../zfs/name.ts";
import { parseSendEstimate } from "../zfs/parse.ts";
import { decodeResumeToken, type ResumeToken } from "../zfs/resume-token.ts";
import type { Runner } from "../zfs/runner.ts";
import { TokenBucket } from "../zfs/throttle.ts";
import { destroyVerified, reclaimableBytes } from "./destroy.ts";
import type {
  ConfirmedStep,
  DestroyFailure,
  DestroyRequest,
  FilesystemFailures,
  FilesystemState,
  OpenStream,
  Sender,
  SideListing,
  StepRequest,
} from "./endpoint.ts";
import { missingPools } from "./missing-pool.ts";
import { stateOf } from "./observe.ts";
import { observeSelected } from "./select.ts";
import { judgeSend } from "./send-failure.ts";
import { encryptionRefusal, resumeTokenProblem, tokenPolicyProblem, versionProblem } from "./send-rules.ts";
import { StepProtection } from "./step-protection.ts";
import { Subtrees } from "./subtrees.ts";

export interface LocalSenderOptions {
  readonly runner: Runner;
  /** The push, source or snap job. */
  readonly job: string;
  readonly filter: FilesystemFilter;
  readonly send: SendOptions;
  /** The `root_fs` of all jobs that receive on this host. */
  readonly receivingRoots?: readonly string[];
  /** Told of leftovers that could not be removed. */
  readonly warn: (message: string) => void;
}

export class LocalSender implements Sender {
  readonly job: string;
  readonly #limit: TokenBucket | undefined;
  readonly #options: LocalSenderOptions;
  readonly #protection: StepProtection;
  readonly #tokens = new Map<string, ResumeToken | undefined>();
  #states = new Map<string, FilesystemState>();

  constructor(options: LocalSenderOptions) {
    this.job = options.job;
    this.#options = options;
    this.#limit = options.send.bandwidthLimit && new TokenBucket(options.send.bandwidthLimit);
    this.#protection = new StepProtection(options.runner, options.job, options.warn);
  }

  async list(): Promise<SideListing> {
    const { runner, filter, send } = this.#options;
    const observed = await observeSelected(runner, filter);
    const filesystems = observed.filesystems.map((found) => stateOf(found, found.name, encryptionRefusal(found, send)));
    this.#states = new Map(filesystems.map((state) => [state.filesystem, state]));
    this.#protection.observe(filesystems, new Subtrees(observed, this.#options.receivingRoots));
    return { filesystems, problems: await missingPools(runner, observed.missingRoots) };
  }

  /** Looks at one filesystem instead of `list()`: all that a send of it needs to know. */
  async look(filesystem: string): Promise<void> {
    const { runner, filter, send } = this.#options;
    if (!filter.match(filesystem)) return;
    const observed = await observeSelected(runner, filter, filesystem);
    this.#states.delete(filesystem);
    for (const found of observed.filesystems)
      this.#states.set(filesystem, stateOf(found, filesystem, encryptionRefusal(found, send)));
  }

  async decodeToken(token: string): Promise<ResumeToken | undefined> {
    if (!this.#tokens.has(token)) this.#tokens.set(token, await decodeResumeToken(this.#options.runner, token));
    const decoded = this.#tokens.get(token);
    const state = this.#states.get(decoded?.toName.split("@", 1)[0] ?? "");
    if (decoded === undefined || state === undefined) return decoded;
    return { ...decoded, refusal: tokenPolicyProblem(decoded, state.encrypted, this.#options.send) };
  }

  async estimate(request: StepRequest): Promise<number | undefined> {
    const argv = buildSendEstimateArgv(await this.#target(request));
    const result = await this.#options.runner.run(argv);
    if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
    return parseSendEstimate(result.stdout);
  }

  prepare(requests: readonly StepRequest[]): Promise<FilesystemFailures> {
    for (const { filesystem } of requests) this.#state(filesystem);
    return this.#protection.prepare(requests);
  }

  async openSend(request: StepRequest): Promise<OpenStream> {
    const argv = buildSendArgv(await this.#target(request));
    return {
      end: { kind: "command", argv },
      judge: async (result) => (result === undefined ? undefined : judgeSend(argv, request.filesystem, result)),
      limit: this.#limit,
    };
  }

  complete(confirmed: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    for (const { filesystem } of confirmed) this.#state(filesystem);
    return this.#protection.complete(confirmed);
  }

  destroySnapshots(requests: readonly DestroyRequest[]): Promise<DestroyFailure[]> {
    for (const { filesystem } of requests) this.#state(filesystem);
    return destroyVerified(this.#options.runner, requests, (filesystem) => filesystem);
  }

  reclaimable(requests: readonly DestroyRequest[]): Promise<ReadonlyMap<string, number>> {
    for (const { filesystem } of requests) this.#state(filesystem);
    return reclaimableBytes(this.#options.runner, requests, (filesystem) => filesystem);
  }

  /** The pools of the listed filesystems. */
  pools(): readonly string[] {
    return [...new Set([...this.#states.keys()].map(poolOf))];
  }

  /** The listed state of a filesystem that the filter allows. */
  #state(filesystem: string): FilesystemState {
    const state = this.#states.get(filesystem);
    if (state === undefined || !this.#options.filter.match(filesystem))
      throw new FailedError(`endpoint does not allow access to filesystem ${filesystem}`);
    return state;
  }

  /** Checks a request against this side's rules and what was listed, and says what to send. */
  async #target(request: StepRequest): Promise<SendTarget> {
    const state = this.#state(request.filesystem);
    const problem = state.refusal ?? versionProblem(state, request);
    if (problem !== undefined) throw new FailedError(problem);
    const { send } = this.#options;
    if (request.resumeToken !== undefined) {
      const token = await this.decodeToken(request.resumeToken);
      const refusal = resumeTokenProblem(token, request, state.encrypted, send);
      if (refusal !== undefined) throw new FailedError(`${request.filesystem}: ${refusal}`);
      return { resumeToken: request.resumeToken };
    }
    const { from, comparison } = request;
    return {
      to: `${request.filesystem}@${request.to.name}`,
      ...(from === undefined
        ? {}
        : { from: `${request.filesystem}${from.kind === "snapshot" ? "@" : "#"}${from.name}` }),
      intermediates: request.via.length > 0,
      flags:
        comparison === undefined
          ? flagsOf(send)
          : { ...NO_SEND_FLAGS, raw: isRaw(send), largeBlocks: comparison.largeBlocks },
    };
  }
}

function isRaw({ encrypted, raw }: SendOptions): boolean {
  return encrypted || raw;
}

function flagsOf(send: SendOptions): SendFlags {
  return {
    raw: isRaw(send),
    properties: send.sendProperties,
    backup: send.backupProperties,
    largeBlocks: send.largeBlocks,
    compressed: send.compressed,
    embedded: send.embeddedData,
    saved: false, // -S takes a half-received filesystem; zfs refuses it for a snapshot, so with it nothing could be sent
  };
}
