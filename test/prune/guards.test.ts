import { describe, expect, test } from "vitest";
import type { PruneGuards } from "../../src/config/pruning-config.ts";
import { countDestroys, exceedsLimit, type PruneInput, planPrune } from "../../src/prune/plan.ts";
import { versions } from "../versions.ts";
import { grid, lastN, notReplicated, regex } from "./rules.ts";

function plan(history: string, guards: PruneGuards, more: Partial<PruneInput> = {}) {
  const observed = { isPlaceholder: false, cursorGuid: undefined, hasSenderCounterpart: true };
  const filesystems = [{ filesystem: "tank", snapshots: versions(history), ...observed }];
  const rest = { rules: [lastN(1)], side: "sender" as const, protectedGuids: new Map<string, string>() };
  return planPrune({ filesystems, guards, nowSec: 1000, ...rest, ...more });
}

/** `destroy / keep / held`, or the outcome. */
function fates(history: string, guards: PruneGuards, more: Partial<PruneInput> = {}): string {
  const [entry] = plan(history, guards, more);
  if (entry?.outcome !== "prune") return entry?.outcome ?? "";
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).join(" ");
  const [keep, held] = [entry.keep, entry.held].map((list) => names(list.map(({ snapshot }) => snapshot)));
  return `${names(entry.destroy)} / ${keep} / ${held}`;
}

describe("a filesystem of which the rules keep nothing", () => {
  const rules = [grid("3600", "^typo_")];
  test.each`
    what                                                 | history         | guards                  | more                                           | outcome
    ${"is left alone"}                                   | ${"@a,1 @b,2"}  | ${{}}                   | ${{}}                                          | ${"leftAlone"}
    ${"also if a protected one would remain"}            | ${"@a,1 @b,2"}  | ${{}}                   | ${{ protectedGuids: new Map([["2", "why"]]) }} | ${"leftAlone"}
    ${"also if a held one would remain"}                 | ${"@a,1 @b,2!"} | ${{}}                   | ${{}}                                          | ${"leftAlone"}
    ${"unless that is allowed"}                          | ${"@a,1 @b,2"}  | ${{ allowEmpty: true }} | ${{}}                                          | ${"a b /  / "}
    ${"nothing would be destroyed anyway: no complaint"} | ${"@a,1!"}      | ${{}}                   | ${{}}                                          | ${" /  / a"}
    ${"no snapshots at all: no complaint"}               | ${"#a,1"}       | ${{}}                   | ${{}}                                          | ${" /  / "}
  `("$what", ({ history, guards, more, outcome }) => {
    expect(fates(history, guards, { rules, ...more })).toBe(outcome);
  });
});

describe("guards by age, now = 1000", () => {
  const history = "@a,1,100 @b,2,500 @c,3,900";
  test.each`
    what                                            | guards                                | rules                | outcome
    ${"min_age keeps what is younger"}              | ${{ minAgeSec: 600 }}                 | ${[lastN(1)]}        | ${"a / b c / "}
    ${"min_age: just as old is not younger"}        | ${{ minAgeSec: 500 }}                 | ${[lastN(1)]}        | ${"a b / c / "}
    ${"max_age takes what is older from the rules"} | ${{ maxAgeSec: 600 }}                 | ${[lastN(3)]}        | ${"a / b c / "}
    ${"max_age: just as old is not older"}          | ${{ maxAgeSec: 500 }}                 | ${[lastN(3)]}        | ${"a / b c / "}
    ${"… also from a regex"}                        | ${{ maxAgeSec: 600 }}                 | ${[regex(".")]}      | ${"a / b c / "}
    ${"… but not what awaits replication"}          | ${{ maxAgeSec: 600 }}                 | ${[notReplicated()]} | ${" / a b c / "}
    ${"… and never the newest"}                     | ${{ maxAgeSec: 50 }}                  | ${[regex(".")]}      | ${"a b / c / "}
    ${"both"}                                       | ${{ minAgeSec: 200, maxAgeSec: 600 }} | ${[regex("a")]}      | ${"a b / c / "}
  `("$what", ({ guards, rules, outcome }) => {
    expect(fates(history, guards, { rules })).toBe(outcome);
  });

  test("a clock that is far ahead costs no filesystem its newest snapshot, nor its held ones", () => {
    expect(fates("@a,1,100! @b,2,500 @c,3,900", { maxAgeSec: 60 }, { rules: [regex(".")], nowSec: 1e9 })).toBe(
      "b / c / a",
    );
  });
});

test.each`
  limit               | destroy | snapshots | exceeds
  ${{ count: 2 }}     | ${2}    | ${3}      | ${false}
  ${{ count: 1 }}     | ${2}    | ${3}      | ${true}
  ${{ count: 0 }}     | ${0}    | ${3}      | ${false}
  ${{ percent: 50 }}  | ${5}    | ${10}     | ${false}
  ${{ percent: 50 }}  | ${6}    | ${10}     | ${true}
  ${{ percent: 0 }}   | ${1}    | ${1000}   | ${true}
  ${{ percent: 100 }} | ${3}    | ${3}      | ${false}
`("$destroy of $snapshots and max_destroy $limit: $exceeds", ({ limit, destroy, snapshots, exceeds }) => {
  expect(exceedsLimit({ destroy, snapshots }, limit)).toBe(exceeds);
});

test("what counts for max_destroy", () => {
  expect(countDestroys(plan("@a,1 @b,2! @c,3", {}))).toEqual({ destroy: 1, snapshots: 3 });
  expect(countDestroys(plan("@a,1 @b,2", {}, { rules: [regex("x")] }))).toEqual({ destroy: 0, snapshots: 2 });
});

test("hold tags are handed on", () => {
  const holds = new Map([["a", ["x", "y"]]]);
  const filesystem = {
    filesystem: "t",
    snapshots: versions("@a,1! @b,2"),
    isPlaceholder: false,
    cursorGuid: undefined,
  };
  const [entry] = plan("", {}, { filesystems: [{ ...filesystem, hasSenderCounterpart: true, holds }] });
  expect(entry).toMatchObject({ outcome: "prune", held: [{ snapshot: { name: "a" }, tags: ["x", "y"] }] });
});
