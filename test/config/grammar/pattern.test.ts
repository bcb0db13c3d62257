import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { isPlainRegex, loadPatternCompiler } from "../../../src/config/grammar/pattern.ts";

describe("which regexes need no RE2 library", () => {
  test.each([
    "",
    ".*",
    "^zrepl_",
    "^zrepl_.*$",
    "^(zrepl|manual)_.*",
    "a\\.b",
    "[a-z0-9_]+",
    "[^0-9]x?",
    "(?:a|b)c",
    "^auto-[0-9]+",
  ])("%j", (source) => {
    expect(isPlainRegex(source)).toBe(true);
  });

  test.each([
    ["inline flags", "(?i)a"],
    ["look-ahead", "a(?=b)"],
    ["a group name", "(?P<n>a)"],
    ["a repeated group, which can take RegExp for ever", "(a|a)*b"],
    ["many repetitions, likewise", "a*a*a*b"],
    ["counts", "a{2}"],
    ["an escape", "\\d"],
    ["quoting", "\\Qa\\E"],
    ["POSIX classes", "[[:alpha:]]"],
    ["an odd range", "[a-c]"],
    ["a backward range", "[z-a]"],
    ["nothing to repeat", "*a"],
    ["nothing to repeat in a group", "(+)"],
    ["repeated repetition", "a**"],
    ["a lazy one", "a+?"],
    ["repeated anchors", "^*"],
    ["unbalanced groups", "(a"],
    ["unbalanced groups", "a)b("],
    ["other alphabets", "ä"],
    ["a lone bracket", "a]"],
  ])("not %s: %s", (_name, source) => {
    expect(isPlainRegex(source)).toBe(false);
  });
});

const piece = fc.constantFrom(
  ..."ab_-. :/^$|()*+?".split(""),
  ".",
  "[ab]",
  "[^a]",
  "[a-z]",
  "[0-9_]",
  "(?:",
  "(a|b)",
  "\\.",
  "\\$",
  "\\|",
);
const regex = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
const name = fc
  .array(fc.constantFrom(...("ab_-. :/$|1z\n\r\u2028ä😀".match(/./gsu) ?? [])), { maxLength: 8 })
  .map((c) => c.join(""));

describe("the path without the RE2 library", () => {
  test("takes only what RE2 compiles, and matches exactly what RE2 matches", async () => {
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(regex, fc.array(name, { minLength: 5, maxLength: 20 }), async (source, names) => {
        if (!isPlainRegex(source)) return;
        plain++;
        const pattern = (await loadPatternCompiler([source]))(source);
        const re2 = RE2JS.compile(source);
        for (const text of names)
          expect([source, text, pattern.test(text)]).toEqual([source, text, re2.matcher(text).find()]);
      }),
      { numRuns: 3000 },
    );
    expect(plain).toBeGreaterThan(500);
  });
});

test("a name of the greatest length is matched at once, whatever the regex", async () => {
  for (const source of [".*a.*ab", "(a*)*b", "a+a+$"]) {
    const pattern = (await loadPatternCompiler([source]))(source);
    const start = performance.now();
    pattern.test("a".repeat(255));
    expect(performance.now() - start).toBeLessThan(500);
  }
});

test("one source compiles to one pattern", async () => {
  const compile = await loadPatternCompiler(["^a", "(?i)b"]);
  expect(compile("^a")).toBe(compile("^a"));
  expect(compile("(?i)b").test("B")).toBe(true);
});
