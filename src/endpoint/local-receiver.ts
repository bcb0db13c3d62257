/** The receiver on this host's ZFS: everything it touches is below its root. */
import type { RecvOptions } from "../config/config.ts";
import { asError, FailedError } from "../errors.ts";
import { lastReceivedHoldTag } from "../zfs/abstraction.ts";
import { buildRecvArgv } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { identifyVersions, listDatasets } from "../zfs/list.ts";
import { ancestorsOf, filesystemNameProblem, isBelow, poolOf, sortByPath } from "../zfs/name.ts";
import { abortReceive } from "../zfs/placeholder.ts";
import type { CommandResult, Runner } from "../zfs/runner.ts";
import { TokenBucket } from "../zfs/throttle.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { destroyVerified, reclaimableBytes } from "./destroy.ts";
import type {
  ConfirmedStep,
  DestroyFailure,
  DestroyRequest,
  FilesystemFailures,
  Glimpse,
  Misplaced,
  OpenStream,
  Receiver,
  SideListing,
  StepRequest,
  StreamFailure,
} from "./endpoint.ts";
import { LastReceivedHolds } from "./last-received.ts";
import { missingPools } from "./missing-pool.ts";
import { lookCloser, type ObservedFilesystem, observe, type Sighting, sight, stateOf } from "./observe.ts";
import { Placement } from "./placement.ts";
import { presumeReplicas } from "./presume.ts";
import { PlaceholderDestroyedError, recvHint, wrongGuid } from "./receive-failure.ts";
import { ReceiveTargets } from "./receive-targets.ts";
import { lookOnce } from "./remember.ts";
import { renameDataset, rollbackVerified } from "./resolve-divergence.ts";
import { Subtrees } from "./subtrees.ts";
import { applicableProperties } from "./zvol-properties.ts";

export interface LocalReceiverOptions {
  readonly runner: Runner;
  /** The sink or pull job. */
  readonly job: string;
  /** As configured; must exist. */
  readonly rootFs: string;
  /** Of a sink's client: its subtree is `rootFs/clientIdentity`. A pull job has none. */
  readonly clientIdentity: string | undefined;
  readonly recv: RecvOptions;
  readonly warn: (message: string) => void;
}

export class LocalReceiver implements Receiver {
  readonly job: string;
  readonly #limit: TokenBucket | undefined;
  readonly #options: LocalReceiverOptions;
  readonly #root: string;
  readonly #placement: Placement;
  readonly #targets: ReceiveTargets;
  readonly #lastReceived: LastReceivedHolds;

  constructor(options: LocalReceiverOptions) {
    this.job = options.job;
    this.#options = options;
    this.#limit = options.recv.bandwidthLimit && new TokenBucket(options.recv.bandwidthLimit);
    this.#root = options.clientIdentity === undefined ? options.rootFs : `${options.rootFs}/${options.clientIdentity}`;
    this.#placement = new Placement(this.#root, options.recv);
    const { runner, warn } = options;
    const { placeholderEncryption } = options.recv;
    this.#targets = new ReceiveTargets({ runner, root: this.#root, placeholderEncryption });
    this.#lastReceived = new LastReceivedHolds(runner, options.job, warn);
  }

  async list(): Promise<SideListing> {
    return this.#lookCloser(await this.#sight());
  }

  async glimpse(): Promise<Glimpse> {
    const sighting = await this.#sight();
    const presumed = presumeReplicas(sighting, lastReceivedHoldTag(this.job));
    return { presumed: presumed && this.#listing(presumed), list: () => this.#lookCloser(sighting) };
  }

  async #lookCloser(sighting: Sighting): Promise<SideListing> {
    const { runner } = this.#options;
    const observed = await lookOnce(runner, sighting, () => lookCloser(runner, sighting));
    this.#targets.observe(observed.filesystems);
    this.#lastReceived.observe(observed.filesystems, new Subtrees(observed));
    return this.#listing(observed.filesystems);
  }

  async #sight(): Promise<Sighting> {
    const { runner } = this.#options;
    const sighting = await lookOnce(runner, this.#root, () => sight(runner, { roots: [this.#root] }, () => true));
    if (sighting.missingRoots.length > 0) await this.#requireRootFs();
    return sighting;
  }

  #listing(filesystems: readonly ObservedFilesystem[]): SideListing {
    const received = this.#byOriginal(filesystems);
    return { filesystems: received.map(([original, found]) => stateOf(found, original)), problems: [] };
  }

  async misplaced(filesystems: readonly string[]): Promise<ReadonlyMap<string, Misplaced>> {
    return this.#placement.isMapped ? this.#placement.misplaced(filesystems) : new Map();
  }

  /** Looks at one filesystem and what is above it, instead of `list()`: all that a receive into it needs to know. */
  async look(filesystem: string): Promise<void> {
    const target = this.#name(filesystem);
    const names = new Set([
      ...ancestorsOf(target).filter((name) => name === this.#root || isBelow(name, this.#root)),
      target,
    ]);
    const observed = await observe(this.#options.runner, { roots: [...names], depth: 1 }, (name) => names.has(name));
    if (observed.missingRoots.includes(this.#root)) await this.#requireRootFs();
    this.#targets.look(names, observed.filesystems);
    for (const name of names) this.#lastReceived.forget(name);
    for (const found of observed.filesystems) this.#lastReceived.look(found);
  }

  async openReceive(request: StepRequest): Promise<OpenStream> {
    const target = this.#name(request.filesystem);
    await this.#targets.createParents(target);
    const listed = this.#targets.get(target);
    // `-F` is only for a placeholder that is empty now, not when it was listed: another connection may have received.
    const known = listed?.isPlaceholder === true ? await this.#targets.refresh(target) : listed;
    // An incremental stream proves that it is a replica: an earlier run died before it could take the mark off.
    if (known?.isPlaceholder && known.hasVersions && request.from === undefined)
      throw new FailedError(`placeholder ${target} has snapshots of its own; nothing is received over them`, {
        hint: `if they are not needed: zfs destroy ${target}@%`,
      });
    const isEmptyPlaceholder = known?.isPlaceholder === true && !known.hasVersions;
    const isCutInitial = request.from === undefined && request.resumeToken !== undefined;
    const force = isEmptyPlaceholder || (isCutInitial && (await this.#targets.isBeingReplaced(target)));
    this.#lastReceived.expect(target, [...request.via, request.to]);
    const { inheritProperties, overrideProperties } = this.#options.recv;
    const argv = buildRecvArgv({
      target: request.via.length > 0 ? target : `${target}@${request.to.name}`,
      force,
      resumable: true,
      inheritProperties: inheritProperties.filter((property) => applicableProperties(property, request.type)),
      overrideProperties: Object.fromEntries(
        Object.entries(overrideProperties).filter(([property]) => applicableProperties(property, request.type)),
      ),
    });
    return {
      end: { kind: "command", argv },
      judge: async (result) => (result === undefined ? undefined : this.#judge(argv, target, result)),
      limit: this.#limit,
    };
  }

  async confirm(received: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    const { runner } = this.#options;
    const failures = new Map<string, Error>();
    const snapshotOf = ({ filesystem, to }: ConfirmedStep) => `${this.#name(filesystem)}@${to.name}`;
    const present = await identifyVersions(runner, received.map(snapshotOf));
    const good = received.filter((step) => {
      const guid = present.get(snapshotOf(step))?.guid;
      if (guid !== step.to.guid) failures.set(step.filesystem, wrongGuid(snapshotOf(step), step.to.guid, guid));
      return guid === step.to.guid;
    });
    for (const { filesystem } of good)
      await this.#targets.unmark(this.#name(filesystem)).catch((error: unknown) => {
        failures.set(filesystem, asError(error));
      });
    const toHold = good.filter(({ guarantee }) => guarantee !== "guarantee_nothing");
    const failed = await this.#lastReceived.hold(
      toHold.map(({ filesystem, to }) => ({ dataset: this.#name(filesystem), to })),
    );
    for (const { filesystem } of toHold) {
      const error = failed.get(this.#name(filesystem));
      if (error !== undefined) failures.set(filesystem, error);
    }
    const safe = good.filter(({ filesystem }) => !failures.has(filesystem));
    await this.#lastReceived.release(
      safe.map(({ filesystem, to, guarantee }) => ({
        dataset: this.#name(filesystem),
        except: guarantee === "guarantee_nothing" ? undefined : to.name,
      })),
    );
    return failures;
  }

  async clearResumeState(filesystem: string): Promise<void> {
    const name = this.#name(filesystem);
    await abortReceive(this.#options.runner, name);
    await this.#targets.aborted(name);
  }

  async rollback(filesystem: string, to: FilesystemVersion, destroys: readonly FilesystemVersion[]): Promise<void> {
    const name = this.#name(filesystem);
    await rollbackVerified(this.#options.runner, name, to, destroys, lastReceivedHoldTag(this.job));
    for (const { name: gone } of destroys) this.#lastReceived.forget(name, gone);
    await this.#targets.refresh(name);
  }

  async setAside(filesystem: string, suffix: string): Promise<void> {
    const name = this.#name(filesystem);
    const aside = name + suffix;
    const problem = filesystemNameProblem(aside);
    if (problem !== undefined) throw new FailedError(`filesystem name ${JSON.stringify(aside)} ${problem}`);
    const below = this.#targets.someBelow(name);
    if (below !== undefined) throw new FailedError(`${name} is not renamed: ${below} is below it, and would go along`);
    // It is no replica any more: our hold would only keep its owner from destroying it.
    await this.#lastReceived.release([{ dataset: name }]);
    await renameDataset(this.#options.runner, name, aside);
    this.#targets.forget(name);
    this.#lastReceived.forget(name);
  }

  destroySnapshots(requests: readonly DestroyRequest[]): Promise<DestroyFailure[]> {
    return destroyVerified(this.#options.runner, requests, (filesystem) => this.#name(filesystem));
  }

  reclaimable(requests: readonly DestroyRequest[]): Promise<ReadonlyMap<string, number>> {
    return reclaimableBytes(this.#options.runner, requests, (filesystem) => this.#name(filesystem));
  }

  pools(): readonly string[] {
    return [poolOf(this.#root)];
  }

  /** This host's name of a sender's filesystem; refuses whatever would not be below the root. */
  #name(filesystem: string): string {
    return this.#placement.nameOf(filesystem);
  }

  /** What was received, by the sender's names and in their order. */
  #byOriginal(observed: readonly ObservedFilesystem[]): [original: string, ObservedFilesystem][] {
    const received = observed.flatMap((found): [string, ObservedFilesystem][] => {
      const original = this.#placement.originalOf(found.name);
      return original === undefined ? [] : [[original, found]];
    });
    return this.#placement.isMapped ? sortByPath(received, ([original]) => original) : received;
  }

  async #requireRootFs(): Promise<void> {
    const { runner, rootFs } = this.#options;
    if (rootFs !== this.#root) {
      const { filesystems } = await listDatasets(runner, { roots: [rootFs], depth: 0 });
      if (filesystems.has(rootFs)) return;
    }
    const [missing] = await missingPools(runner, [rootFs]);
    if (missing !== undefined) throw new FailedError(missing);
    throw new FailedError(`root_fs "${rootFs}" does not exist`, {
      hint: `create it: zfs create -o mountpoint=none ${rootFs}`,
    });
  }

  async #judge(argv: readonly string[], target: string, result: CommandResult): Promise<StreamFailure | undefined> {
    if (result.exitCode === 0) {
      await this.#targets.received(target);
      return undefined;
    }
    const error = new ZfsCommandError(argv, result, recvHint(target, result.stderr));
    await this.#targets.refresh(target);
    if (error.reason === "encryption-mismatch" && (await this.#targets.destroyEmptyPlaceholder(target)))
      return { error: new PlaceholderDestroyedError(target), cause: "own" };
    const cut = error.reason === "stream-cut" || error.reason === "resume-state-available";
    return { error, cause: cut ? "peer" : "own" };
  }
}
