/**
 * What one run knows of the filesystems at and below a receiver's root, by this host's names, and what it does to them
 * around a receive: it makes missing parents, and takes placeholders' marks off (zrepl-behaviour.md §4.9).
 */
import type { RecvOptions } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import { newestSnapshot } from "../zfs/history.ts";
import { listLocalProperty } from "../zfs/list.ts";
import { ancestorsOf, isBelow } from "../zfs/name.ts";
import { createPlaceholder, setPlaceholder } from "../zfs/placeholder.ts";
import type { Runner } from "../zfs/runner.ts";
import { type ObservedFilesystem, observe } from "./observe.ts";

export interface ReceiveTargetsOptions {
  readonly runner: Runner;
  readonly root: string;
  readonly placeholderEncryption: RecvOptions["placeholderEncryption"];
}

interface Target {
  readonly isPlaceholder: boolean;
  readonly resumeToken: string | undefined;
  readonly hasVersions: boolean;
}

const NEW: Target = { isPlaceholder: false, resumeToken: undefined, hasVersions: false };

export class ReceiveTargets {
  readonly #options: ReceiveTargetsOptions;
  readonly #targets = new Map<string, Target>();
  /** Creating parents is serialized: two steps may need the same one. */
  #creating: Promise<unknown> = Promise.resolve();

  constructor(options: ReceiveTargetsOptions) {
    this.#options = options;
  }

  /** Takes over what a listing of everything shows. */
  observe(filesystems: readonly ObservedFilesystem[]): void {
    this.#targets.clear();
    this.look([], filesystems);
  }

  /** Takes over what is seen of these names; those of which nothing is seen are not there. */
  look(names: Iterable<string>, seen: readonly ObservedFilesystem[]): void {
    for (const name of names) this.#targets.delete(name);
    for (const found of seen) this.#targets.set(found.name, targetOf(found));
  }

  get(name: string): Target | undefined {
    return this.#targets.get(name);
  }

  /** One of the filesystems below `name`. */
  someBelow(name: string): string | undefined {
    return [...this.#targets.keys()].find((other) => isBelow(other, name));
  }

  forget(name: string): void {
    this.#targets.delete(name);
  }

  /** A receive into it has ended well. */
  async received(name: string): Promise<void> {
    this.#set(name, { resumeToken: undefined, hasVersions: true });
    await this.unmark(name).catch(() => undefined); // it is tried again before anything counts as received
  }

  /** Its interrupted receive was thrown away: an initial one takes its filesystem with it. */
  async aborted(name: string): Promise<void> {
    const known = this.#targets.get(name);
    if (known === undefined) return;
    this.#set(name, { resumeToken: undefined });
    if (!known.hasVersions && !known.isPlaceholder) await this.refresh(name);
  }

  /** Looks at one filesystem again. */
  async refresh(name: string): Promise<Target | undefined> {
    const { filesystems } = await observe(this.#options.runner, { roots: [name], depth: 1 }, (found) => found === name);
    this.look([name], filesystems);
    return this.#targets.get(name);
  }

  /** Makes the missing filesystems between the root and `target` as placeholders. @throws */
  async createParents(target: string): Promise<void> {
    const previous = this.#creating;
    const { root } = this.#options;
    const create = async () => {
      await previous.catch(() => undefined);
      for (const parent of ancestorsOf(target)) {
        const atOrBelowRoot = parent === root || isBelow(parent, root);
        if (atOrBelowRoot && !this.#targets.has(parent)) await this.#createPlaceholder(parent);
      }
    };
    this.#creating = create();
    await this.#creating;
  }

  async #createPlaceholder(name: string): Promise<void> {
    const { runner, root, placeholderEncryption: policy } = this.#options;
    if (policy === "unspecified" && name !== root)
      throw new FailedError(
        `cannot create placeholder filesystem ${name}: placeholder filesystem encryption handling is unspecified in receiver config`,
        { hint: "set recv.placeholder.encryption to inherit or off in the receiving job" },
      );
    await createPlaceholder(runner, name, policy === "off" ? "off" : "inherit");
    this.#targets.set(name, { ...NEW, isPlaceholder: true });
  }

  /**
   * Whether zrepl's receive over a placeholder was cut: it takes the mark off before (§4.9 step 3). Without `-F` zfs would
   * not take the rest of the stream either.
   */
  async isBeingReplaced(name: string): Promise<boolean> {
    const known = this.#targets.get(name);
    if (known === undefined || known.hasVersions) return false;
    const local = await listLocalProperty(this.#options.runner, PLACEHOLDER_PROPERTY, [name]);
    return local.get(name) === "off";
  }

  /**
   * Takes the mark off a placeholder that is a replica now. zrepl does it before the receive (§4.9 step 3); then a crash in
   * between leaves an empty filesystem that is neither, and that nothing can be received into.
   * @throws {ZfsCommandError}
   */
  async unmark(name: string): Promise<void> {
    if (this.#targets.get(name)?.isPlaceholder !== true) return;
    await setPlaceholder(this.#options.runner, name, "off");
    this.#set(name, { isPlaceholder: false });
  }

  /**
   * `zfs recv -F` can't replace a placeholder by a filesystem of another encryption. Where nothing is in it or below it, it
   * can go: zfs itself refuses to destroy it otherwise.
   */
  async destroyEmptyPlaceholder(name: string): Promise<boolean> {
    const known = this.#targets.get(name);
    if (known?.isPlaceholder !== true || known.hasVersions || known.resumeToken !== undefined) return false;
    const { exitCode } = await this.#options.runner.run(["zfs", "destroy", name]);
    if (exitCode === 0) this.#targets.delete(name);
    return exitCode === 0;
  }

  #set(name: string, changes: Partial<Target>): void {
    const { isPlaceholder, resumeToken, hasVersions } = this.#targets.get(name) ?? NEW;
    this.#targets.set(name, { isPlaceholder, resumeToken, hasVersions, ...changes });
  }
}

function targetOf(found: ObservedFilesystem): Target {
  const { isPlaceholder, resumeToken } = found;
  return {
    isPlaceholder,
    resumeToken,
    get hasVersions() {
      return newestSnapshot(found) !== undefined;
    },
  };
}
