import type { KeepRule } from "../../config/pruning-config.ts";
import type { Kept, PruneSnapshot } from "../snapshot.ts";
import { compareNames } from "../snapshot.ts";

/**
 * Keeps the `count` youngest of those that match; of two of the same second, the one with the higher name is
 * younger (§5.2).
 */
export function keepLastN(rule: Extract<KeepRule, { type: "last_n" }>, snapshots: readonly PruneSnapshot[]): Kept {
  const matching = snapshots.filter(({ name }) => rule.regex?.test(name) ?? true);
  const youngestFirst = matching.sort((a, b) => b.creationSec - a.creationSec || compareNames(b, a));
  return new Map(youngestFirst.slice(0, rule.count).map((snapshot) => [snapshot, rule.text]));
}
