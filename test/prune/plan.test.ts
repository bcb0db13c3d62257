import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describePrunePlan } from "../../src/prune/describe.ts";
import { type PruneFilesystem, type PruneInput, planPrune } from "../../src/prune/plan.ts";
import { versions } from "../versions.ts";
import { grid, lastN, notReplicated, regex } from "./rules.ts";

function filesystem(name: string, history: string, more: Partial<PruneFilesystem> = {}): PruneFilesystem {
  const observed = { isPlaceholder: false, cursorGuid: undefined, hasSenderCounterpart: true };
  return { filesystem: name, snapshots: versions(history), ...observed, ...more };
}

/** These tests are about other things than an empty filesystem. */
const anything = { guards: { allowEmpty: true }, nowSec: 10_000 };

function input(filesystems: PruneFilesystem[], more: Partial<PruneInput> = {}): PruneInput {
  return { filesystems, rules: [lastN(1)], side: "sender", protectedGuids: new Map(), ...anything, ...more };
}

/** Names: destroyed, kept, held. */
function fates(one: PruneInput): [string, string, string] | string | undefined {
  const [plan] = planPrune(one);
  if (plan?.outcome === "leftAlone") return "left alone";
  if (plan?.outcome !== "prune") return plan?.reason;
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).join(" ");
  return [
    names(plan.destroy),
    names(plan.keep.map(({ snapshot }) => snapshot)),
    names(plan.held.map(({ snapshot }) => snapshot)),
  ];
}

describe("the replicated flag (§5.4 e)", () => {
  const history = "@a,1 @b,2 #b,2 @c,3 @d,4";
  test.each`
    what                                            | side          | keepAtCursor | cursor       | gone       | kept
    ${"at and after the cursor is kept"}            | ${"sender"}   | ${true}      | ${"3"}       | ${"a b"}   | ${"c d"}
    ${"the one at the cursor goes if so asked"}     | ${"sender"}   | ${false}     | ${"3"}       | ${"a b c"} | ${"d"}
    ${"the receiver always keeps it"}               | ${"receiver"} | ${false}     | ${"3"}       | ${"a b"}   | ${"c d"}
    ${"no cursor: nothing counts as replicated"}    | ${"sender"}   | ${true}      | ${undefined} | ${""}      | ${"a b c d"}
    ${"no snapshot at the cursor: nothing either"}  | ${"sender"}   | ${false}     | ${"77"}      | ${""}      | ${"a b c d"}
    ${"a snap job counts up to its newest version"} | ${"local"}    | ${false}     | ${undefined} | ${"a b c"} | ${"d"}
  `("$what ($side)", ({ side, keepAtCursor, cursor, gone, kept }) => {
    const one = filesystem("tank", history, { cursorGuid: cursor });
    expect(fates(input([one], { rules: [notReplicated(keepAtCursor)], side }))).toEqual([gone, kept, ""]);
  });
});

test("without not_replicated, no cursor is needed", () => {
  expect(fates(input([filesystem("tank", "@a,1 @b,2")]))).toEqual(["a", "b", ""]);
});

test("held snapshots stay and are reported, if no rule keeps them anyway", () => {
  expect(fates(input([filesystem("tank", "@a,1! @b,2 @c,3!")]))).toEqual(["b", "c", "a"]);
});

test("protected snapshots are kept with their reason", () => {
  const one = input([filesystem("tank", "@a,1! @b,2 @c,3")], { protectedGuids: new Map([["1", "last common"]]) });
  expect(fates(one)).toEqual(["b", "a c", ""]);
  expect(planPrune(one)[0]).toMatchObject({ keep: [{ reasons: ["protected: last common"] }, {}] });
});

test("bookmarks are never pruned, and a filesystem without snapshots is nothing to do", () => {
  expect(fates(input([filesystem("tank", "#a,1 #b,2")]))).toEqual(["", "", ""]);
});

test.each`
  what                               | side          | more                               | fate
  ${"placeholder"}                   | ${"receiver"} | ${{ isPlaceholder: true }}         | ${"filesystem is placeholder"}
  ${"sender has no such filesystem"} | ${"receiver"} | ${{ hasSenderCounterpart: false }} | ${"filesystem has no correspondence on sender"}
  ${"a snap job has no sender"}      | ${"local"}    | ${{ hasSenderCounterpart: false }} | ${["a", "b", ""]}
`("$what ($side)", ({ side, more, fate }) => {
  expect(fates(input([filesystem("tank", "@a,1 @b,2", more)], { side }))).toEqual(fate);
});

test("destroyed, kept and held partition the snapshots; held and protected are never destroyed; order is irrelevant", () => {
  const entry = fc.record({ creationSec: fc.nat(100), userrefs: fc.nat(1), isProtected: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), fc.option(fc.nat(20)), (entries, cursor) => {
      const snapshots = entries.map(({ creationSec, userrefs }, i) => ({
        ...{ kind: "snapshot" as const, name: `s${i}`, guid: String(i), createtxg: BigInt(i), creationSec, userrefs },
      }));
      const protectedGuids = new Map(entries.flatMap((e, i) => (e.isProtected ? [[String(i), "why"] as const] : [])));
      const rules = [notReplicated(false), grid("10|20 2|30")];
      const make = (list: typeof snapshots) =>
        planPrune(
          input([filesystem("t", "", { snapshots: list, cursorGuid: String(cursor) })], { rules, protectedGuids }),
        );
      const [plan] = make(snapshots);
      if (plan?.outcome !== "prune") throw new Error("skipped");
      const held = plan.held.map(({ snapshot }) => snapshot);
      const all = [...plan.destroy, ...held, ...plan.keep.map(({ snapshot }) => snapshot)];
      expect(all.map(({ guid }) => Number(guid)).sort((a, b) => a - b)).toEqual(snapshots.map((_, i) => i));
      expect(plan.destroy.filter(({ guid, userrefs }) => userrefs > 0 || protectedGuids.has(guid))).toEqual([]);
      expect(held.every(({ userrefs }) => userrefs > 0)).toBe(true);
      expect(make([...snapshots].reverse())).toEqual([plan]);
    }),
  );
});

test("a plan reads well", async () => {
  const rules = [notReplicated(), grid("3600 all|3600", "^z_"), regex("^manual_")];
  const plan = planPrune({
    ...anything,
    filesystems: [
      filesystem("tank/var", "@z_1,1,100 @manual_1,2,200 @z_2,3,300! @z_3,4,400 @z_4,5,3600 @z_5,6,8000", {
        cursorGuid: "5",
      }),
      filesystem("tank", "#z_1,1"),
      filesystem("tank/gone", "@z_1,1", { hasSenderCounterpart: false }),
      filesystem("tank/home", "@z_1,1", { isPlaceholder: true }),
    ],
    ...{ side: "receiver", rules },
    protectedGuids: new Map([["1", "last common snapshot"]]),
  });
  await expect(`${describePrunePlan(plan, { rules, nowSec: 10_000 }).join("\n")}\n`).toMatchFileSnapshot(
    "../golden/prune-plan.txt",
  );
});
