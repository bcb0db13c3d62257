import fc from "fast-check";
import { expect, test } from "vitest";
import type { KeepRule } from "../../src/config/pruning-config.ts";
import { applyKeepRules } from "../../src/prune/keep.ts";
import type { PruneSnapshot } from "../../src/prune/snapshot.ts";
import { grid, lastN, notReplicated, regex } from "./rules.ts";

const history: fc.Arbitrary<PruneSnapshot[]> = fc
  .array(fc.record({ letter: fc.constantFrom("a", "b"), creationSec: fc.nat(200), replicated: fc.boolean() }), {
    maxLength: 30,
  })
  .map((entries) =>
    entries.map(({ letter, creationSec, replicated }, i) => ({
      ...{ name: `${letter}${i}`, guid: String(i), createtxg: BigInt(Math.floor(i / 2)) },
      ...{ creationSec, replicated, userrefs: 0 },
    })),
  );

const gridRule = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom("all", "1", "2", "5")), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => grid(parts.map(([lengthSec, keep]) => `${lengthSec} ${keep}`).join("|")));

const anyRule: fc.Arbitrary<KeepRule> = fc.oneof(
  gridRule,
  fc.integer({ min: 1, max: 10 }).map((count) => lastN(count)),
  fc.constantFrom(notReplicated(), regex("^a"), regex("^a", true), lastN(3, "^b"), grid("10|20 2", "^b")),
);
const rules = fc.array(anyRule, { maxLength: 4 });

const kept = (someRules: readonly KeepRule[], input: readonly PruneSnapshot[]) =>
  applyKeepRules(someRules, input).flatMap(({ snapshot, action }) => (action === "keep" ? [snapshot] : []));

test("every snapshot gets exactly one decision, and only the kept ones have reasons", () => {
  fc.assert(
    fc.property(rules, history, (someRules, input) => {
      const decisions = applyKeepRules(someRules, input);
      expect(decisions).toHaveLength(input.length);
      expect(new Set(decisions.map(({ snapshot }) => snapshot))).toEqual(new Set(input));
      for (const { action, reasons } of decisions) expect(reasons.length > 0).toBe(action === "keep");
    }),
  );
});

test("the order of the input does not matter", () => {
  const shuffled = history.chain((input) =>
    fc.tuple(fc.constant(input), fc.shuffledSubarray(input, { minLength: input.length })),
  );
  fc.assert(
    fc.property(rules, shuffled, (someRules, [input, other]) => {
      expect(applyKeepRules(someRules, other)).toEqual(applyKeepRules(someRules, input));
    }),
  );
});

test("the order of the rules matters only for the order of the reasons", () => {
  fc.assert(
    fc.property(rules, history, (someRules, input) => {
      expect(kept([...someRules].reverse(), input)).toEqual(kept(someRules, input));
    }),
  );
});

test("what is kept is what at least one rule alone would keep", () => {
  fc.assert(
    fc.property(anyRule, anyRule, history, (one, two, input) => {
      const union = new Set([...kept([one], input), ...kept([two], input)]);
      expect(new Set(kept([one, two], input))).toEqual(union);
    }),
  );
});

test("pruning again destroys nothing more, as long as the grid's youngest snapshot stays", () => {
  fc.assert(
    fc.property(gridRule, history, (rule, input) => {
      const once = kept([rule, lastN(1)], input);
      expect(kept([rule, lastN(1)], once)).toEqual(once);
    }),
  );
});

test("the youngest survives any last_n", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), history, (count, input) => {
      const survivors = kept([lastN(count)], input);
      expect(survivors).toHaveLength(Math.min(count, input.length));
      const youngestSec = Math.max(...input.map(({ creationSec }) => creationSec));
      expect(input.length === 0 || survivors.some(({ creationSec }) => creationSec === youngestSec)).toBe(true);
    }),
  );
});
