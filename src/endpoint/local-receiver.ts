/** The receiver on this host's ZFS: everything it touches is below its root. */
import type { RecvOptions } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { lastReceivedHoldTag, PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import { buildRecvArgv } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { identifyVersions, listDatasets, listLocalProperty } from "../zfs/list.ts";
import { ancestorsOf, filesystemNameProblem, isBelow, poolOf, sortByPath } from "../zfs/name.ts";
import { abortReceive, createPlaceholder, setPlaceholder } from "../zfs/placeholder.ts";
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

/** What this run knows about a filesystem below the root. */
interface Target {
  isPlaceholder: boolean;
  resumeToken: string | undefined;
  readonly hasVersions: boolean;
}

export class LocalReceiver implements Receiver {
  readonly job: string;
  readonly #limit: TokenBucket | undefined;
  readonly #options: LocalReceiverOptions;
  readonly #root: string;
  readonly #placement: Placement;
  readonly #targets = new Map<string, Target>();
  readonly #lastReceived: LastReceivedHolds;
  /** Creating parents is serialized: two steps may need the same one. */
  #creating: Promise<unknown> = Promise.resolve();

  constructor(options: LocalReceiverOptions) {
    this.job = options.job;
    this.#options = options;
    this.#limit = options.recv.bandwidthLimit && new TokenBucket(options.recv.bandwidthLimit);
    this.#root = options.clientIdentity === undefined ? options.rootFs : `${options.rootFs}/${options.clientIdentity}`;
    this.#placement = new Placement(this.#root, options.recv);
    this.#lastReceived = new LastReceivedHolds(options.runner, options.job, options.warn);
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
    this.#targets.clear();
    for (const found of observed.filesystems) this.#targets.set(found.name, targetOf(found));
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
    for (const name of names) {
      this.#targets.delete(name);
      this.#lastReceived.forget(name);
    }
    for (const found of observed.filesystems) {
      this.#targets.set(found.name, targetOf(found));
      this.#lastReceived.look(found);
    }
  }

  async openReceive(request: StepRequest): Promise<OpenStream> {
    const target = this.#name(request.filesystem);
    await this.#createParents(target);
    // `-F` is only for a placeholder that is empty now, not when it was listed: another connection may have received.
    if (this.#targets.get(target)?.isPlaceholder === true) await this.#refresh(target);
    const known = this.#targets.get(target);
    // An incremental stream proves that it is a replica: an earlier run died before it could take the mark off.
    if (known?.isPlaceholder && known.hasVersions && request.from === undefined)
      throw new FailedError(`placeholder ${target} has snapshots of its own; nothing is received over them`, {
        hint: `if they are not needed: zfs destroy ${target}@%`,
      });
    const isEmptyPlaceholder = known?.isPlaceholder === true && !known.hasVersions;
    const force = isEmptyPlaceholder || (await this.#isBeingReplaced(target, request));
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
    for (const { filesystem } of good) await this.#unmarkPlaceholder(this.#name(filesystem));
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
    const known = this.#targets.get(name);
    if (known === undefined) return;
    known.resumeToken = undefined;
    // an initial receive that is aborted takes its filesystem with it
    if (!known.hasVersions && !known.isPlaceholder) await this.#refresh(name);
  }

  async rollback(filesystem: string, to: FilesystemVersion, destroys: readonly FilesystemVersion[]): Promise<void> {
    const name = this.#name(filesystem);
    await rollbackVerified(this.#options.runner, name, to, destroys, lastReceivedHoldTag(this.job));
    for (const { name: gone } of destroys) this.#lastReceived.forget(name, gone);
    await this.#refresh(name);
  }

  async setAside(filesystem: string, suffix: string): Promise<void> {
    const name = this.#name(filesystem);
    const aside = name + suffix;
    const problem = filesystemNameProblem(aside);
    if (problem !== undefined) throw new FailedError(`filesystem name ${JSON.stringify(aside)} ${problem}`);
    const below = [...this.#targets.keys()].find((other) => isBelow(other, name));
    if (below !== undefined) throw new FailedError(`${name} is not renamed: ${below} is below it, and would go along`);
    // It is no replica any more: our hold would only keep its owner from destroying it.
    await this.#lastReceived.release([{ dataset: name }]);
    await renameDataset(this.#options.runner, name, aside);
    this.#targets.delete(name);
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

  #target(name: string): Target {
    const known = this.#targets.get(name);
    const target = known ?? {
      isPlaceholder: false,
      resumeToken: undefined,
      hasVersions: false,
    };
    if (known === undefined) this.#targets.set(name, target);
    return target;
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

  async #createParents(target: string): Promise<void> {
    const previous = this.#creating;
    const create = async () => {
      await previous.catch(() => undefined);
      for (const parent of ancestorsOf(target)) {
        const atOrBelowRoot = parent === this.#root || isBelow(parent, this.#root);
        if (atOrBelowRoot && !this.#targets.has(parent)) await this.#createPlaceholder(parent);
      }
    };
    this.#creating = create();
    await this.#creating;
  }

  async #createPlaceholder(name: string): Promise<void> {
    const policy = this.#options.recv.placeholderEncryption;
    if (policy === "unspecified" && name !== this.#root)
      throw new FailedError(
        `cannot create placeholder filesystem ${name}: placeholder filesystem encryption handling is unspecified in receiver config`,
        { hint: "set recv.placeholder.encryption to inherit or off in the receiving job" },
      );
    await createPlaceholder(this.#options.runner, name, policy === "off" ? "off" : "inherit");
    this.#targets.set(name, {
      isPlaceholder: true,
      resumeToken: undefined,
      hasVersions: false,
    });
  }

  async #judge(argv: readonly string[], target: string, result: CommandResult): Promise<StreamFailure | undefined> {
    if (result.exitCode === 0) {
      const known = this.#target(target);
      this.#targets.set(target, { ...known, resumeToken: undefined, hasVersions: true });
      await this.#unmarkPlaceholder(target);
      return undefined;
    }
    const error = new ZfsCommandError(argv, result, recvHint(target, result.stderr));
    await this.#refresh(target);
    if (error.reason === "encryption-mismatch" && (await this.#destroyEmptyPlaceholder(target)))
      return { error: new PlaceholderDestroyedError(target), cause: "own" };
    const cut = error.reason === "stream-cut" || error.reason === "resume-state-available";
    return { error, cause: cut ? "peer" : "own" };
  }

  /**
   * Whether zrepl's receive over a placeholder was cut: it takes the mark off before (§4.9 step 3). Without `-F` zfs would
   * not take the rest of the stream either.
   */
  async #isBeingReplaced(target: string, { from, resumeToken }: StepRequest): Promise<boolean> {
    const known = this.#targets.get(target);
    if (from !== undefined || resumeToken === undefined || known === undefined || known.hasVersions) return false;
    const local = await listLocalProperty(this.#options.runner, PLACEHOLDER_PROPERTY, [target]);
    return local.get(target) === "off";
  }

  /**
   * Takes the mark off a placeholder that is a replica now. zrepl does it before the receive (§4.9 step 3); then a crash in
   * between leaves an empty filesystem that is neither, and that nothing can be received into.
   */
  async #unmarkPlaceholder(target: string): Promise<void> {
    const known = this.#targets.get(target);
    if (known?.isPlaceholder !== true) return;
    try {
      await setPlaceholder(this.#options.runner, target, "off");
      known.isPlaceholder = false;
    } catch (error) {
      this.#options.warn(
        `${target} keeps its placeholder mark until its next snapshot is received: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  /**
   * `zfs recv -F` can't replace a placeholder by a filesystem of another encryption. Where nothing is in it or below it, it
   * can go: zfs itself refuses to destroy it otherwise.
   */
  async #destroyEmptyPlaceholder(target: string): Promise<boolean> {
    const known = this.#targets.get(target);
    if (known?.isPlaceholder !== true || known.hasVersions || known.resumeToken !== undefined) return false;
    const { exitCode } = await this.#options.runner.run(["zfs", "destroy", target]);
    if (exitCode === 0) this.#targets.delete(target);
    return exitCode === 0;
  }

  /** Looks at one filesystem again after something went wrong with it. */
  async #refresh(name: string): Promise<void> {
    const observed = await observe(this.#options.runner, { roots: [name], depth: 1 }, (found) => found === name);
    const [state] = observed.filesystems;
    if (state === undefined) {
      this.#targets.delete(name);
      return;
    }
    const known = this.#target(name);
    const hasVersions = state.versions.some(({ kind }) => kind === "snapshot");
    this.#targets.set(name, {
      ...known,
      isPlaceholder: state.isPlaceholder,
      resumeToken: state.resumeToken,
      hasVersions,
    });
  }
}

function targetOf(found: ObservedFilesystem): Target {
  const { isPlaceholder, resumeToken } = found;
  return {
    isPlaceholder,
    resumeToken,
    get hasVersions() {
      return found.versions.some(({ kind }) => kind === "snapshot");
    },
  };
}
