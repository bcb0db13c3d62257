/** A year with a snapshot every 15 minutes through both changes of the clocks, pruned every day: what is left at its end. */
import { describe, expect, test } from "vitest";
import type { KeepRule } from "../../src/config/pruning-config.ts";
import { applyKeepRules } from "../../src/prune/keep.ts";
import type { PruneSnapshot } from "../../src/prune/snapshot.ts";
import { grid, lastN, regex } from "./rules.ts";

/** 2026 in Berlin. */
const START_SEC = Date.parse("2025-12-31T23:00Z") / 1000;
const DAYS = 365;
const PER_DAY = 96;
const HOUR = 3600;
const DAY = 24 * HOUR;

function snapshot(i: number): PruneSnapshot {
  const manual = i % (PER_DAY * 30) === 0 ? "manual" : "z";
  const order = { guid: String(i), createtxg: BigInt(i), userrefs: 0, replicated: false };
  return { name: `${manual}_${i}`, creationSec: START_SEC + i * 900, ...order };
}

const kept = (rules: readonly KeepRule[], snapshots: readonly PruneSnapshot[]) =>
  applyKeepRules(rules, snapshots)
    .filter(({ action }) => action === "keep")
    .map(({ snapshot }) => snapshot);

/** What is left when it is pruned at the end of each day, and how many there ever were at once. */
function liveThrough(rules: readonly KeepRule[]): { readonly left: readonly PruneSnapshot[]; readonly most: number } {
  let left: PruneSnapshot[] = [];
  let most = 0;
  for (let day = 0; day < DAYS; day++) {
    left.push(...Array.from({ length: PER_DAY }, (_, i) => snapshot(day * PER_DAY + i)));
    most = Math.max(most, left.length);
    left = kept(rules, left);
    if (day % 30 === 0) expect(kept(rules, left)).toEqual(left);
  }
  return { left, most };
}

const all = Array.from({ length: DAYS * PER_DAY }, (_, i) => snapshot(i));
const calendar = (counts: Partial<Extract<KeepRule, { type: "calendar" }>["counts"]>): KeepRule => ({
  ...{ type: "calendar", location: "Europe/Berlin", text: "calendar" },
  counts: { hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, ...counts },
});

describe("pruned once, and pruned every day", () => {
  test.each`
    what                                   | rules                                                                                | once               | daily
    ${"last_n"}                            | ${[lastN(500)]}                                                                      | ${500}             | ${500}
    ${"last_n of some"}                    | ${[lastN(5, "^manual_")]}                                                            | ${5}               | ${5}
    ${"regex"}                             | ${[regex("^manual_")]}                                                               | ${13}              | ${13}
    ${"a day, then one a day for a month"} | ${[grid(`${DAY} all|${Array(30).fill(DAY).join("|")}`)]}                             | ${96 + 30}         | ${96 + 30}
    ${"one an hour for a day"}             | ${[grid(Array(24).fill(HOUR).join("|"))]}                                            | ${24}              | ${24}
    ${"hours"}                             | ${[calendar({ hourly: 24 })]}                                                        | ${24}              | ${24}
    ${"hours, days, weeks, months, years"} | ${[calendar({ hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3 })]}           | ${24 + 6 + 2 + 11} | ${24 + 6 + 2 + 11}
    ${"a grid or a name"}                  | ${[grid(`${HOUR} all|${Array(23).fill(HOUR).join("|")}`, "^z_"), regex("^manual_")]} | ${27 + 13}         | ${27 + 13}
  `("$what: $once and $daily are left", ({ rules, once, daily }) => {
    expect(kept(rules, all)).toHaveLength(once);
    const { left, most } = liveThrough(rules);
    expect(left).toHaveLength(daily);
    expect(most).toBeLessThanOrEqual(daily + PER_DAY + 5);
  });

  test("by the calendar, pruning every day leaves what pruning once would have left", () => {
    const rules = [calendar({ hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3 })];
    expect(liveThrough(rules).left).toEqual(kept(rules, all));
  });
});
