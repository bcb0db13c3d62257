import type { KeepRule } from "../config/pruning-config.ts";
import { unreachable } from "../unreachable.ts";
import { keepCalendar } from "./rules/calendar.ts";
import { keepGrid } from "./rules/grid.ts";
import { keepLastN } from "./rules/last-n.ts";
import { keepNotReplicated } from "./rules/not-replicated.ts";
import { keepRegex } from "./rules/regex.ts";
import { compareSnapshots, type Kept, type PruneSnapshot } from "./snapshot.ts";

export interface Decision {
  readonly snapshot: PruneSnapshot;
  readonly action: "keep" | "destroy";
  /** What each rule that keeps it says, in the order of the rules; empty if it is to be destroyed. */
  readonly reasons: readonly string[];
  /** Whether one of these rules is `not_replicated`. */
  readonly awaitsReplication: boolean;
}

/**
 * Applies the keep rules to all snapshots of one filesystem (§5.1): each rule sees the full list, and what no rule keeps is
 * destroyed. Without rules, nothing is. The result is in createtxg order, whatever the order of the input.
 */
export function applyKeepRules(rules: readonly KeepRule[], snapshots: readonly PruneSnapshot[]): Decision[] {
  const sorted = [...snapshots].sort(compareSnapshots);
  if (rules.length === 0) {
    const reasons = ["there are no keep rules"];
    return sorted.map((snapshot) => ({ snapshot, action: "keep", reasons, awaitsReplication: false }));
  }
  const applied = rules.map((rule) => ({ rule, kept: applyRule(rule, sorted) }));
  return sorted.map((snapshot) => {
    const keeping = applied.filter(({ kept }) => kept.has(snapshot));
    const reasons = keeping.flatMap(({ kept }) => kept.get(snapshot) ?? []);
    const awaitsReplication = keeping.some(({ rule }) => rule.type === "not_replicated");
    return { snapshot, action: reasons.length > 0 ? "keep" : "destroy", reasons, awaitsReplication };
  });
}

function applyRule(rule: KeepRule, snapshots: readonly PruneSnapshot[]): Kept {
  switch (rule.type) {
    case "not_replicated":
      return keepNotReplicated(rule, snapshots);
    case "last_n":
      return keepLastN(rule, snapshots);
    case "grid":
      return keepGrid(rule, snapshots);
    case "regex":
      return keepRegex(rule, snapshots);
    case "calendar":
      return keepCalendar(rule, snapshots);
    default:
      return unreachable(rule);
  }
}
