/** A snapshot as the keep rules see it (zrepl-behaviour.md §5.1). Holds do not count for rules. */
export interface PruneSnapshot {
  readonly name: string;
  readonly guid: string;
  readonly createtxg: bigint;
  /** Seconds since the epoch. */
  readonly creationSec: number;
  /** Only `not_replicated` looks at it; §5.4 e says how it is found. */
  readonly replicated: boolean;
  /** Number of holds. */
  readonly userrefs: number;
}

/**
 * The snapshots that a rule keeps, each with the reason as the operator sees it. The others, the rule would
 * destroy.
 */
export type Kept = ReadonlyMap<PruneSnapshot, string>;

/** Ascending order in the pool; the name makes it total. */
export function compareSnapshots(a: PruneSnapshot, b: PruneSnapshot): number {
  if (a.createtxg !== b.createtxg) return a.createtxg < b.createtxg ? -1 : 1;
  return compareNames(a, b);
}

/** Byte order; snapshot names are ASCII. */
export function compareNames(a: PruneSnapshot, b: PruneSnapshot): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
