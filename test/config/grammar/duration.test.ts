import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseGoDuration,
  parsePositiveDuration,
  parsePositiveDurationOrManual,
  parsePositiveGoDuration,
} from "../../../src/config/grammar/duration.ts";
import { GrammarError } from "../../../src/config/grammar/grammar-error.ts";

describe("zrepl durations", () => {
  test.each([
    ["1s", 1],
    ["10m", 600],
    ["2h", 7200],
    ["1d", 86_400],
    ["3w", 1_814_400],
    [" 5 m ", 300],
    ["+5m", 300],
    ["007s", 7],
  ])("%j is %i seconds", (text, seconds) => {
    expect(parsePositiveDuration(text)).toBe(seconds);
  });

  test.each(["", "0", "0s", "-1s", "10", "1.5h", "1h30m", "10M", "1y", "s", "10 ms", "1 0s", "manual", "99999999w"])(
    "%j is none",
    (text) => {
      expect(() => parsePositiveDuration(text)).toThrow(GrammarError);
    },
  );

  test("every count and unit multiply", () => {
    const units = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), unit, (count, name) => {
        expect(parsePositiveDuration(`${count}${name}`)).toBe(count * units[name]);
      }),
    );
  });
});

describe("a pull interval", () => {
  test.each([
    ["manual", "manual"],
    ["1s", 1],
  ])("%j is %s", (text, expected) => {
    expect(parsePositiveDurationOrManual(text)).toBe(expected);
  });

  test.each(["", "-1s", "0s", "0", "something", "Manual"])("%j is none", (text) => {
    expect(() => parsePositiveDurationOrManual(text)).toThrow(GrammarError);
  });
});

describe("Go durations", () => {
  test.each([
    ["0", 0],
    ["+0", 0],
    ["-0", 0],
    ["0s", 0],
    ["10s", 10],
    ["1m30s", 90],
    ["500ms", 0.5],
    ["1h", 3600],
    ["1.5h", 5400],
    [".5s", 0.5],
    ["1.s", 1],
    ["1500us", 0.0015],
    ["1500µs", 0.0015],
    ["1s1h", 3601],
    ["+3s", 3],
  ])("%j is %d seconds", (text, seconds) => {
    expect(parseGoDuration(text)).toBeCloseTo(seconds, 9);
  });

  test.each(["", "10", "1d", "1w", "-1s", "s", "1 s", " 1s", "1h ", ".s", "1S", "1e3s", "00"])("%j is none", (text) => {
    expect(() => parseGoDuration(text)).toThrow(GrammarError);
  });

  test("0 is refused where the time must be positive", () => {
    expect(() => parsePositiveGoDuration("0s")).toThrow("must be more than 0");
    expect(parsePositiveGoDuration("1ms")).toBe(0.001);
  });
});
