/**
 * The sender's holds and bookmarks of one job: what protects a step, what marks that it is done, and what is left over
 * (zrepl-behaviour.md §3.4, §3.5). Keeps track of what is on disk, so that nothing is listed again between steps.
 */
import { asError, FailedError } from "../errors.ts";
import { cursorName, parseCursor, stepHoldTag, tentativeCursorName } from "../zfs/abstraction.ts";
import { createBookmark, destroyBookmarks } from "../zfs/bookmark.ts";
import { bookmarkByProgram } from "../zfs/channel-program.ts";
import { holdSnapshots, releaseSnapshots } from "../zfs/hold.ts";
import { identifyVersions } from "../zfs/list.ts";
import { bookmarkNameProblem, splitSnapshot } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import type { ConfirmedStep, FilesystemFailures, FilesystemState, StepRequest } from "./endpoint.ts";
import { Subtrees } from "./subtrees.ts";

/** Names of this job's abstractions on one filesystem. */
interface OnDisk {
  /** Snapshots with our step hold. */
  readonly stepHolds: Set<string>;
  /** Bookmark name → guid. */
  readonly tentative: Map<string, string>;
  readonly cursors: Map<string, string>;
}

export class StepProtection {
  readonly #runner: Runner;
  readonly #job: string;
  readonly #onDisk = new Map<string, OnDisk>();
  #observed: ReadonlyMap<string, FilesystemState> = new Map();
  #subtrees = new Subtrees();
  readonly #onLeftover: (message: string) => void;

  /** `onLeftover` is told when something of ours could not be removed: it stays until the next run. */
  constructor(runner: Runner, job: string, onLeftover: (message: string) => void) {
    this.#runner = runner;
    this.#job = job;
    this.#onLeftover = onLeftover;
  }

  /** Takes over what a listing shows; its subtrees where the filesystems have this host's names. */
  observe(states: readonly FilesystemState[], subtrees = new Subtrees()): void {
    this.#subtrees = subtrees;
    this.#onDisk.clear();
    this.#observed = new Map(states.map((state) => [state.filesystem, state]));
  }

  /** See `Sender.prepare`. Requests of one filesystem follow each other. */
  async prepare(requests: readonly StepRequest[]): Promise<FilesystemFailures> {
    const failures = new Map<string, Error>();
    const keep = new Map<string, Set<string>>();
    const toHold: string[] = [];
    for (const request of requests) {
      const kept = keep.get(request.filesystem) ?? new Set<string>();
      keep.set(request.filesystem, kept);
      for (const name of this.#protectionOf(request)) kept.add(name);
      for (const version of protectedVersions(request)) {
        if (request.guarantee === "guarantee_resumability") {
          if (!this.#of(request.filesystem).stepHolds.has(version.name))
            toHold.push(`${request.filesystem}@${version.name}`);
        } else {
          const name = tentativeCursorName(this.#job, version.guid);
          if (failures.has(request.filesystem)) continue;
          try {
            await this.#bookmark(request.filesystem, version, name, this.#of(request.filesystem).tentative);
          } catch (error) {
            failures.set(request.filesystem, asError(error));
          }
        }
      }
    }
    await this.#hold([...new Set(toHold)], failures);
    await this.#checkReplaced(requests, failures);
    const ready = [...keep].filter(([filesystem]) => !failures.has(filesystem));
    await this.#clean(new Map(ready), "beforeSend");
    return failures;
  }

  /** See `Sender.complete`. */
  async complete(confirmed: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    await this.#createCursorsTogether(confirmed);
    const failures = new Map<string, Error>();
    const keep = new Map<string, Set<string>>();
    for (const { filesystem, to, guarantee, unfinished } of confirmed) {
      const kept = new Set(unfinished === undefined ? [] : this.#protectionOf(unfinished));
      if (guarantee === "guarantee_nothing") {
        keep.set(filesystem, kept);
        continue;
      }
      const name = cursorName(this.#job, to.guid);
      try {
        await this.#createCursor(filesystem, to, name);
        keep.set(filesystem, kept.add(`#${name}`));
      } catch (error) {
        failures.set(filesystem, asError(error));
      }
    }
    await this.#clean(keep, "afterStep");
    return failures;
  }

  /** Relative names of what protects a step: none of it may go while the step is wanted, nor its `from` bookmark. */
  #protectionOf(request: StepRequest): string[] {
    const from = request.from?.kind === "bookmark" ? [`#${request.from.name}`] : [];
    const own = protectedVersions(request).map((version) =>
      request.guarantee === "guarantee_resumability"
        ? `@${version.name}`
        : `#${tentativeCursorName(this.#job, version.guid)}`,
    );
    return [...from, ...own];
  }

  #of(filesystem: string): OnDisk {
    const state = this.#observed.get(filesystem);
    const known = this.#onDisk.get(filesystem) ?? ownAbstractions(state, this.#job);
    this.#onDisk.set(filesystem, known);
    return known;
  }

  async #hold(snapshots: readonly string[], failures: Map<string, Error>): Promise<void> {
    if (snapshots.length === 0) return;
    const failed = await holdSnapshots(this.#runner, stepHoldTag(this.#job), this.#subtrees.cover(snapshots));
    for (const snapshot of snapshots) {
      const [filesystem, name] = splitSnapshot(snapshot);
      const error = failed.get(snapshot);
      if (error === undefined) this.#of(filesystem).stepHolds.add(name);
      else failures.set(filesystem, error);
    }
  }

  /**
   * Holds may take the place of tentative cursors only where they are on the same snapshots: `zfs hold -r` says nothing of
   * one that somebody has destroyed since the listing, and its tentative cursor may be the last base that there is.
   */
  async #checkReplaced(requests: readonly StepRequest[], failures: Map<string, Error>): Promise<void> {
    const held = requests
      .filter(({ guarantee }) => guarantee === "guarantee_resumability")
      .filter(({ filesystem }) => !failures.has(filesystem) && this.#of(filesystem).tentative.size > 0)
      .flatMap((request) => protectedVersions(request).map((version) => ({ filesystem: request.filesystem, version })));
    const nameOf = ({ filesystem, version }: (typeof held)[number]) => `${filesystem}@${version.name}`;
    const present = await identifyVersions(this.#runner, held.map(nameOf));
    for (const snapshot of held)
      if (present.get(nameOf(snapshot))?.guid !== snapshot.version.guid)
        failures.set(
          snapshot.filesystem,
          new FailedError(`${nameOf(snapshot)} has been destroyed since it was listed`),
        );
  }

  /** What it does not make is made one by one. */
  async #createCursorsTogether(confirmed: readonly ConfirmedStep[]): Promise<void> {
    const wanted = confirmed.flatMap(({ filesystem, to, guarantee }) => {
      const name = cursorName(this.#job, to.guid);
      const isMissing = guarantee !== "guarantee_nothing" && !this.#of(filesystem).cursors.has(name);
      return isMissing && to.kind === "snapshot" ? [{ filesystem, to, name }] : [];
    });
    const made = await bookmarkByProgram(
      this.#runner,
      wanted.map(({ filesystem, to, name }) => ({
        from: `${filesystem}@${to.name}`,
        bookmark: `${filesystem}#${name}`,
      })),
    );
    for (const { filesystem, to, name } of wanted)
      if (made.has(`${filesystem}#${name}`)) this.#of(filesystem).cursors.set(name, to.guid);
  }

  /** From the snapshot, or if somebody destroyed it during the step, from its tentative cursor. */
  async #createCursor(filesystem: string, to: FilesystemVersion, name: string): Promise<void> {
    const own = this.#of(filesystem);
    const tentative = tentativeCursorName(this.#job, to.guid);
    try {
      await this.#bookmark(filesystem, to, name, own.cursors);
    } catch (error) {
      if (!own.tentative.has(tentative)) throw error;
      await this.#bookmark(filesystem, { ...to, kind: "bookmark", name: tentative }, name, own.cursors);
    }
  }

  async #bookmark(
    filesystem: string,
    version: FilesystemVersion,
    name: string,
    known: Map<string, string>,
  ): Promise<void> {
    if (known.has(name)) return;
    const problem = bookmarkNameProblem(`${filesystem}#${name}`);
    if (problem !== undefined)
      throw new FailedError(`cannot bookmark ${filesystem}@${version.name}: the bookmark's name ${problem}`, {
        hint: `${filesystem}#${name} must be at most 255 bytes: shorten the filesystem's or the job's name, or set replication.protection to guarantee_nothing`,
      });
    const delimiter = version.kind === "snapshot" ? "@" : "#";
    await createBookmark(
      this.#runner,
      `${filesystem}${delimiter}${version.name}`,
      `${filesystem}#${name}`,
      version.guid,
    );
    known.set(name, version.guid);
  }

  /** Removes our abstractions except those in `keep` (relative names by filesystem). Cursors stay before a send. */
  async #clean(keep: ReadonlyMap<string, ReadonlySet<string>>, when: "beforeSend" | "afterStep"): Promise<void> {
    const release: string[] = [];
    const destroy = new Map<string, () => void>();
    for (const [filesystem, kept] of keep) {
      const own = this.#of(filesystem);
      for (const families of when === "beforeSend" ? [own.tentative] : [own.tentative, own.cursors])
        for (const name of families.keys())
          if (!kept.has(`#${name}`)) destroy.set(`${filesystem}#${name}`, () => families.delete(name));
      for (const name of own.stepHolds) if (!kept.has(`@${name}`)) release.push(`${filesystem}@${name}`);
    }
    const remaining = await destroyBookmarks(this.#runner, [...destroy.keys()]);
    for (const [bookmark, forget] of destroy) if (!remaining.has(bookmark)) forget();
    for (const { message } of remaining.values()) this.#onLeftover(message);
    if (release.length === 0) return;
    const cover = this.#subtrees.cover(release, (filesystem, name) =>
      this.#observed.has(filesystem) ? this.#of(filesystem).stepHolds.has(name) : this.#subtrees.has(filesystem, name),
    );
    const failed = await releaseSnapshots(this.#runner, stepHoldTag(this.#job), cover);
    for (const snapshot of release) {
      const [filesystem, name] = splitSnapshot(snapshot);
      const error = failed.get(snapshot);
      if (error === undefined) this.#of(filesystem).stepHolds.delete(name);
      else this.#onLeftover(error.message);
    }
  }
}

/** What a step's guarantee protects; a `from` that is a bookmark needs nothing, it can't go by itself. */
function protectedVersions({ from, via, to, guarantee }: StepRequest): FilesystemVersion[] {
  if (guarantee === "guarantee_nothing") return [];
  return from?.kind === "snapshot" ? [from, ...via, to] : [...via, to];
}

function ownAbstractions(state: FilesystemState | undefined, job: string): OnDisk {
  const own: OnDisk = { stepHolds: new Set(), tentative: new Map(), cursors: new Map() };
  if (state === undefined) return own;
  for (const version of state.versions) {
    const cursor = parseCursor(version);
    if (cursor?.job === job) (cursor.kind === "cursor" ? own.cursors : own.tentative).set(version.name, version.guid);
  }
  for (const [snapshot, tags] of state.holds) if (tags.includes(stepHoldTag(job))) own.stepHolds.add(snapshot);
  return own;
}
