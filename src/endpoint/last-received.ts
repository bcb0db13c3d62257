/** The receiver's holds of one job: what was last received must not be destroyed, the next step starts from it (§3.5 step 2). */
import { lastReceivedHoldTag } from "../zfs/abstraction.ts";
import { holdSnapshots, releaseSnapshots } from "../zfs/hold.ts";
import { identifyVersions } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import type { ObservedFilesystem } from "./observe.ts";
import { wrongGuid } from "./receive-failure.ts";
import { Subtrees } from "./subtrees.ts";

/** A snapshot of this host that was received. */
interface Received {
  readonly dataset: string;
  readonly to: FilesystemVersion;
}

export class LastReceivedHolds {
  readonly #runner: Runner;
  readonly #tag: string;
  readonly #warn: (message: string) => void;
  /** Dataset → the snapshots with our hold. */
  readonly #held = new Map<string, Set<string>>();
  #subtrees = new Subtrees();

  /** `warn` is told of holds that could not be released: they stay until the next run. */
  constructor(runner: Runner, job: string, warn: (message: string) => void) {
    this.#runner = runner;
    this.#tag = lastReceivedHoldTag(job);
    this.#warn = warn;
  }

  /** Takes over what a listing of everything shows. */
  observe(filesystems: readonly ObservedFilesystem[], subtrees: Subtrees): void {
    this.#held.clear();
    this.#subtrees = subtrees;
    for (const found of filesystems) this.look(found);
  }

  /** Takes over what is seen of one filesystem. */
  look({ name, holds }: ObservedFilesystem): void {
    const own = [...holds].filter(([, tags]) => tags.includes(this.#tag)).map(([snapshot]) => snapshot);
    this.#held.set(name, new Set(own));
  }

  /** These snapshots may arrive from now on. */
  expect(dataset: string, snapshots: readonly FilesystemVersion[]): void {
    for (const { name } of snapshots) this.#subtrees.expect(dataset, name);
  }

  /** The dataset or its snapshot is gone, or has another name. */
  forget(dataset: string, snapshot?: string): void {
    if (snapshot === undefined) this.#held.delete(dataset);
    else this.#held.get(dataset)?.delete(snapshot);
  }

  /** @returns the failures by dataset */
  async hold(received: readonly Received[]): Promise<Map<string, Error>> {
    const missing = received.filter(({ dataset, to }) => !this.#isHeld(dataset, to.name));
    const cover = this.#subtrees.cover(missing.map(fullName));
    const failed = await holdSnapshots(this.#runner, this.#tag, cover);
    // `-r` says nothing of a snapshot that has just been destroyed
    const unsure = [...cover.recursive.values()].flat();
    const present = await identifyVersions(this.#runner, unsure);
    const gone = new Set(unsure.filter((snapshot) => !present.has(snapshot)));
    const failures = new Map<string, Error>();
    for (const { dataset, to } of missing) {
      const snapshot = fullName({ dataset, to });
      const error = failed.get(snapshot) ?? (gone.has(snapshot) ? wrongGuid(snapshot, to.guid, undefined) : undefined);
      if (error !== undefined) failures.set(dataset, error);
      else this.#held.set(dataset, (this.#held.get(dataset) ?? new Set()).add(to.name));
    }
    return failures;
  }

  /** Takes our holds off all snapshots of a dataset, or off all but one. */
  async release(
    datasets: readonly { readonly dataset: string; readonly except?: string | undefined }[],
  ): Promise<void> {
    const release = datasets.flatMap(({ dataset, except }) =>
      [...(this.#held.get(dataset) ?? [])].filter((name) => name !== except).map((name) => ({ dataset, name })),
    );
    if (release.length === 0) return;
    const cover = this.#subtrees.cover(
      release.map(({ dataset, name }) => `${dataset}@${name}`),
      (dataset, name) => this.#isHeld(dataset, name),
    );
    const failed = await releaseSnapshots(this.#runner, this.#tag, cover);
    for (const { dataset, name } of release) {
      const error = failed.get(`${dataset}@${name}`);
      if (error === undefined) this.forget(dataset, name);
      else this.#warn(error.message);
    }
  }

  #isHeld(dataset: string, snapshot: string): boolean {
    return this.#held.get(dataset)?.has(snapshot) === true;
  }
}

function fullName({ dataset, to }: Received): string {
  return `${dataset}@${to.name}`;
}
