import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filterPatternProblem, parseFilter } from "../../../src/config/grammar/filter.ts";

const filter = (rules: Readonly<Record<string, boolean>>) => parseFilter(new Map(Object.entries(rules)));

describe("a filter (§2.10)", () => {
  const tree = { "tank<": true, "tank/tmp<": false, "tank/home/x<": false, "tank/home/x/1": true };
  const bob = { "tank/home/bob": true, "tank/home/bob<": false };
  const butTmp = { "<": true, tmp: false };
  test.each([
    ["nothing matches no pattern", {}, { tank: false }],
    [
      "the longest subtree wins",
      tree,
      {
        zroot: false,
        tank: true,
        "tank/tmp": false,
        "tank/tmp/foo": false,
        "tank/home/x": false,
        "tank/home/y": true,
        "tank/home/x/1": true,
        "tank/home/x/2": false,
      },
    ],
    ["the name itself beats its subtree", bob, { "tank/home/bob": true, "tank/home/bob/downloads": false }],
    ["an exact pattern leaves the children alone", butTmp, { tmp: false, "tmp/child": true, other: true }],
    [
      "a name that only starts alike is elsewhere",
      { "tank/foo<": true },
      { "tank/foobar": false, "tank/foo/bar": true },
    ],
    [
      "an exact pattern beats a longer-looking subtree",
      { "a/b": false, "a/b<": true },
      { "a/b": false, "a/b/c": true },
    ],
    ["an empty exact pattern matches nothing real", { "": true }, { tank: false }],
  ])("%s", (_name, rules, expected) => {
    const { match } = filter(rules);
    expect(Object.fromEntries(Object.keys(expected).map((path) => [path, match(path)]))).toEqual(expected);
  });

  test("does not depend on the order of its entries, and says the same as comparing all prefixes", () => {
    const component = fc.constantFrom("a", "b", "ab");
    const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const pattern = fc.oneof(
      path,
      path.map((text) => `${text}<`),
      fc.constant("<"),
    );
    fc.assert(
      fc.property(fc.dictionary(pattern, fc.boolean()), path, (rules, dataset) => {
        const reversed = parseFilter(new Map(Object.entries(rules).reverse()));
        const candidates = Object.keys(rules)
          .filter((text) => text.endsWith("<"))
          .map((text) => text.slice(0, -1))
          .filter((prefix) => prefix === "" || `${dataset}/`.startsWith(`${prefix}/`))
          .sort((a, b) => b.length - a.length);
        const expected = rules[dataset] ?? (candidates[0] === undefined ? false : rules[`${candidates[0]}<`]);
        expect(filter(rules).match(dataset)).toBe(expected);
        expect(reversed.match(dataset)).toBe(expected);
      }),
    );
  });
});

describe("a pattern", () => {
  test.each(["<", "", "tank", "tank<", "tank/home/x<", "a b/c_d-e.f:g<"])("%j is valid", (pattern) => {
    expect(filterPatternProblem(pattern)).toBeUndefined();
  });

  test.each([
    ["tank<x", "only one '<' at end of string allowed"],
    ["<tank", "only one '<' at end of string allowed"],
    ["tank<<", 'not a dataset path: contains "<"'],
    ["<a<", 'not a dataset path: contains "<"'],
    ["a@b", 'not a dataset path: contains "@"'],
    ["a#b", 'not a dataset path: contains "#"'],
    ["a|b", 'not a dataset path: contains "|"'],
    ["a>b", 'not a dataset path: contains ">"'],
    ["a*", 'not a dataset path: contains "*"'],
    ["a\tb", 'not a dataset path: contains "\\t"'],
    ["a/", "must not end with /"],
    ["a/<", "must not end with /"],
  ])("%j is refused", (pattern, problem) => {
    expect(filterPatternProblem(pattern)).toContain(problem);
    expect(() => filter({ [pattern]: true })).toThrow(problem);
  });
});
