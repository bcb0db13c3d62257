/**
 * Which snapshots can be held or released by `zfs hold -r`: it takes those of one name on a whole subtree in one txg, where
 * naming them costs a txg each. Pure.
 */
import type { SnapshotCover } from "../zfs/hold.ts";
import type { FilesystemRecord } from "../zfs/listing-parser.ts";
import { comparePaths, isBelow, sortByPath, splitSnapshot } from "../zfs/name.ts";
import type { Observation } from "./observe.ts";

/** How many other datasets are asked about, for each snapshot that a subtree would spare a txg. */
const MAX_LOOKS = 10;

/** Whether `-r` would act on this snapshot, if it is in the way. */
export type Concerns = (dataset: string, snapshot: string) => boolean;

/** What a complete listing tells of subtrees, and what has come since. */
export class Subtrees {
  readonly #observation: Observation | undefined;
  /** What is received may get snapshots of any name at any time, below these. */
  readonly #receivingRoots: readonly string[];
  readonly #expected = new Map<string, Set<string>>();
  #byName: ReadonlyMap<string, Pick<FilesystemRecord, "versions">> | undefined;
  #sorted: readonly string[] | undefined;

  /** Nothing observed: nothing is known to be whole. */
  constructor(observation?: Observation, receivingRoots: readonly string[] = []) {
    this.#observation = observation;
    this.#receivingRoots = receivingRoots;
  }

  /** Most runs have nothing to hold, and never ask. */
  get #listed(): ReadonlyMap<string, Pick<FilesystemRecord, "versions">> {
    const { filesystems = [], others = [] } = this.#observation ?? {};
    this.#byName ??= new Map([...filesystems, ...others].map((found) => [found.name, found]));
    return this.#byName;
  }

  /** From now on the dataset may have this snapshot. */
  expect(dataset: string, snapshot: string): void {
    const names = this.#expected.get(dataset) ?? new Set();
    this.#expected.set(dataset, names.add(snapshot));
    if (!this.#listed.has(dataset)) this.#sorted = undefined;
  }

  has(dataset: string, snapshot: string): boolean {
    if (this.#expected.get(dataset)?.has(snapshot) === true) return true;
    const versions = this.#listed.get(dataset)?.versions ?? [];
    return versions.some(({ kind, name }) => kind === "snapshot" && name === snapshot);
  }

  /** `snapshots`: full names. */
  cover(snapshots: readonly string[], concerns: Concerns = (...names) => this.has(...names)): SnapshotCover {
    const plain = { recursive: new Map(), single: snapshots };
    const roots = this.#observation?.wholeRoots ?? [];
    if (snapshots.length < 2 || roots.length === 0) return plain;
    this.#sorted ??= sortByPath(new Set([...this.#listed.keys(), ...this.#expected.keys()]), (dataset) => dataset);
    const recursive = new Map<string, readonly string[]>();
    const single: string[] = [];
    for (const [name, holders] of byName(snapshots)) {
      const rest = new Set(holders);
      for (const root of roots) {
        const members = holders.filter((member) => member === root || isBelow(member, root));
        for (const member of members) rest.delete(member);
        this.#seek(root, name, members, concerns, { recursive, single });
      }
      for (const member of rest) single.push(`${member}@${name}`);
    }
    // a subtree of one spares nothing
    return [...recursive.values()].some((members) => members.length > 1) ? { recursive, single } : plain;
  }

  /** Takes the largest subtrees at and below `top` in which `-r` acts on the members alone. */
  #seek(
    top: string,
    snapshot: string,
    members: readonly string[],
    concerns: Concerns,
    found: { readonly recursive: Map<string, readonly string[]>; readonly single: string[] },
  ): void {
    if (members.length === 0) return;
    if (this.#isWhole(top, snapshot, members, concerns)) {
      const names = members.map((member) => `${member}@${snapshot}`);
      found.recursive.set(`${top}@${snapshot}`, names);
      return;
    }
    if (members[0] === top) found.single.push(`${top}@${snapshot}`);
    for (const [child, below] of byChild(top, members)) this.#seek(child, snapshot, below, concerns, found);
  }

  #isWhole(top: string, snapshot: string, members: readonly string[], concerns: Concerns): boolean {
    if (this.#receivingRoots.some((root) => root === top || isBelow(root, top))) return false;
    const datasets = this.#sorted ?? [];
    const wanted = new Set(members);
    let looks = members.length * MAX_LOOKS;
    for (let i = lowerBound(datasets, top); i < datasets.length; i++) {
      const dataset = datasets[i] ?? "";
      if (dataset !== top && !isBelow(dataset, top)) break;
      if (wanted.has(dataset)) continue;
      if (looks-- === 0 || concerns(dataset, snapshot)) return false;
    }
    return true;
  }
}

/** Snapshot name → the datasets that have it, sorted. */
function byName(snapshots: readonly string[]): Map<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const snapshot of snapshots) {
    const [dataset, name] = splitSnapshot(snapshot);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [dataset]);
    else group.push(dataset);
  }
  return new Map([...groups].map(([name, group]) => [name, sortByPath(group, (dataset) => dataset)]));
}

/** Of the members below `top`: the child of `top` that they are at or below → they. */
function byChild(top: string, members: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const member of members) {
    if (member === top) continue;
    const end = member.indexOf("/", top.length + 1);
    const child = end === -1 ? member : member.slice(0, end);
    const group = groups.get(child);
    if (group === undefined) groups.set(child, [member]);
    else group.push(member);
  }
  return groups;
}

/** Where a path is, or would be. */
function lowerBound(sorted: readonly string[], path: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(sorted[middle] ?? "", path) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
