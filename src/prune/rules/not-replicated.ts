import type { KeepRule } from "../../config/pruning-config.ts";
import type { Kept, PruneSnapshot } from "../snapshot.ts";

/** Keeps what the receiver does not have yet (§5.2). */
export function keepNotReplicated(
  rule: Extract<KeepRule, { type: "not_replicated" }>,
  snapshots: readonly PruneSnapshot[],
): Kept {
  return new Map(snapshots.filter(({ replicated }) => !replicated).map((snapshot) => [snapshot, rule.text]));
}
