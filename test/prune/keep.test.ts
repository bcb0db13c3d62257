import { describe, expect, test } from "vitest";
import type { KeepRule } from "../../src/config/pruning-config.ts";
import { applyKeepRules } from "../../src/prune/keep.ts";
import { keepGridAt } from "../../src/prune/rules/grid.ts";
import { grid, lastN, notReplicated, regex, snapshots } from "./rules.ts";

const destroyed = (rules: readonly KeepRule[], text: string) =>
  applyKeepRules(rules, snapshots(text))
    .filter(({ action }) => action === "destroy")
    .map(({ snapshot }) => snapshot.name)
    .sort()
    .join(" ");

const combined = "foo_123@1 foo_456@2 bar_123@3";
const twoGrids = "p1_a@4 p2_a@5 p1_b@14 p2_b@15 p1_c@29 p2_c@30";
const ten = "1@10 2@20 3@15 4@30 5@30";
const abab = "a1@10 b1@11 a2@20 b2@21 a3@30 b3@31";

describe("zrepl's tables (§10.4)", () => {
  test.each`
    what                           | rules                                             | state                                | gone
    ${"last_n 2"}                  | ${[lastN(2)]}                                     | ${ten}                               | ${"1 2 3"}
    ${"last_n 1, tie by name"}     | ${[lastN(1)]}                                     | ${ten}                               | ${"1 2 3 4"}
    ${"last_n 100"}                | ${[lastN(100)]}                                   | ${ten}                               | ${""}
    ${"last_n 4"}                  | ${[lastN(4)]}                                     | ${ten}                               | ${"1"}
    ${"last_n of nothing"}         | ${[lastN(4)]}                                     | ${""}                                | ${""}
    ${"two last_n with regex"}     | ${[lastN(2, "^a"), lastN(2, "^b")]}               | ${abab}                              | ${"a1 b1"}
    ${"last_n regex, others go"}   | ${[lastN(4, "a")]}                                | ${"a1@10 b1@11 a2@20"}               | ${"b1"}
    ${"not_replicated"}            | ${[notReplicated()]}                              | ${"1@1r 2@2 3@3r"}                   | ${"1 3"}
    ${"regex"}                     | ${[regex("^zrepl_")]}                             | ${"zrepl_foobar@1 zrepl@2 barfoo@3"} | ${"barfoo zrepl"}
    ${"regex negated"}             | ${[regex("^zrepl_", true)]}                       | ${"zrepl_foobar@1 zrepl@2 barfoo@3"} | ${"zrepl_foobar"}
    ${"one of two kinds kept"}     | ${[regex("foo_")]}                                | ${combined}                          | ${"bar_123"}
    ${"both kinds kept"}           | ${[regex("foo_"), regex("bar_")]}                 | ${combined}                          | ${""}
    ${"a rule that keeps nothing"} | ${[regex("nothing"), regex("bar_")]}              | ${combined}                          | ${"foo_123 foo_456"}
    ${"no rules"}                  | ${[]}                                             | ${combined}                          | ${""}
    ${"no snapshots"}              | ${[regex("foo_")]}                                | ${""}                                | ${""}
    ${"two grids"}                 | ${[grid("10|10", "^p1_"), grid("10|10", "^p2_")]} | ${twoGrids}                          | ${"p1_a p2_a"}
    ${"grid keep 2"}               | ${[grid("60 2")]}                                 | ${"1@1 2@2 3@3 4@4 5@5"}             | ${"3 4 5"}
    ${"grid all, then 1"}          | ${[grid("60 all|60")]}                            | ${"a@0 b@-1 c@-2 d@-60 e@-61"}       | ${"d"}
    ${"grid of nothing"}           | ${[grid("600|600|600|3600")]}                     | ${""}                                | ${""}
    ${"same second: higher txg"}   | ${[grid("60")]}                                   | ${"b@0 a@0"}                         | ${"b"}
  `("$what", ({ rules, state, gone }) => {
    expect(destroyed(rules, state)).toBe(gone);
  });

  test.each`
    spec                        | state                                                                                                  | fates
    ${"600|600|600"}            | ${"a@600 b@0 c@-600 d@-1200 e@-1800 f@-2400"}                                                          | ${"K K K K D D"}
    ${"600 all|600|600 2|3600"} | ${"a@180 b@-360 c@-480 d@-540 e@-660 f@-1140 g@-1500 h@-1560 i@-1800 j@-4500 k@-5400 l@-5460 m@-7200"} | ${"K K K K D K K K D K D D D"}
  `("grid $spec with now = 0", ({ spec, state, fates }) => {
    const input = snapshots(state);
    const rule = grid(spec);
    const kept = rule.type === "grid" ? keepGridAt(rule, input, 0) : new Map();
    expect(input.map((snapshot) => (kept.has(snapshot) ? "K" : "D")).join(" ")).toBe(fates);
  });

  test("the worked example of the docs", () => {
    const names = [..."abcdefghijklmnopqrstuvwxyzABCD"];
    // Youngest first, at the ages in minutes that put 3, 6, 7 and 10 of them into the buckets and 4 beyond.
    const ages = [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 198, 216, 234, 252, 270, 288, 300, 318, 336].concat([
      354, 372, 390, 408, 426, 444, 462, 480, 500, 520, 540,
    ]);
    const state = names.map((name, i) => `${name}@${-60 * (ages[i] ?? 0)}`).reverse();
    const decisions = applyKeepRules([grid("3600 all|7200|7200|10800")], snapshots(state.join(" ")));
    const kept = decisions.filter(({ action }) => action === "keep").map(({ snapshot }) => snapshot.name);
    expect(kept.reverse().join("")).toBe("abcipz");
  });
});

test("every rule that keeps a snapshot gives its reason", () => {
  const rules = [notReplicated(), lastN(1), grid("3600 all|7200|5400"), regex("^manual_"), regex("^z", true)];
  const decisions = applyKeepRules(rules, snapshots("manual_1@-9r z_2@-20000r z_3@-9000r z_4@-9001r z_5@0"));
  expect(decisions.map(({ snapshot, reasons }) => [snapshot.name, ...reasons])).toEqual([
    ["manual_1", "grid: bucket 1 of 3 (0–1h)", "regex: ^manual_", "regex: not ^z"],
    ["z_2"],
    ["z_3"],
    ["z_4", "grid: bucket 2 of 3 (1h–3h)"],
    ["z_5", "not_replicated", "last_n: 1", "grid: bucket 1 of 3 (0–1h)"],
  ]);
  const old = applyKeepRules([grid("3600|5400|86400")], snapshots("a@-8000 b@-20000 c@0"));
  expect(old.map(({ reasons }) => reasons[0])).toEqual([
    "grid: bucket 2 of 3 (1h–2h30m)",
    "grid: bucket 3 of 3 (2h30m–1d2h30m)",
    "grid: bucket 1 of 3 (0–1h)",
  ]);
});

test("100,000 snapshots and 50 buckets take well under a second", () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `z_${i}@${i * 60}`);
  const input = snapshots(many.join(" "));
  const rule = grid(Array.from({ length: 50 }, (_, i) => `${(i + 1) * 3600}`).join("|"));
  const startMs = performance.now();
  const decisions = applyKeepRules([rule], input);
  expect(performance.now() - startMs).toBeLessThan(1000);
  expect(decisions.filter(({ action }) => action === "keep")).toHaveLength(50);
});
