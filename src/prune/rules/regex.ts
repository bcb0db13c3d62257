import type { KeepRule } from "../../config/pruning-config.ts";
import type { Kept, PruneSnapshot } from "../snapshot.ts";

/** Keeps the names that match, or with `negate` those that do not (§5.2). */
export function keepRegex(rule: Extract<KeepRule, { type: "regex" }>, snapshots: readonly PruneSnapshot[]): Kept {
  const kept = snapshots.filter(({ name }) => rule.regex.test(name) !== rule.negate);
  return new Map(kept.map((snapshot) => [snapshot, rule.text]));
}
