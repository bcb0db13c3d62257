import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseGrid } from "../../../src/config/grammar/grid.ts";

const written = (text: string) => parseGrid(text).map(({ lengthSec, keep }) => `${lengthSec}:${keep}`);

describe("a grid", () => {
  test.each([
    ["1x1h", ["3600:1"]],
    ["3x10m", ["600:1", "600:1", "600:1"]],
    ["1x1h(keep=all) | 2x2h | 1x3h", ["3600:all", "7200:1", "7200:1", "10800:1"]],
    [" 1 x 1 h ( keep=5) ", ["3600:5"]],
    ["1x1h(keep=5)|1x1h", ["3600:5", "3600:1"]],
    ["1x1h(keep=+05)", ["3600:5"]],
    ["1x 7 d (keep=2)", ["604800:2"]],
    ["1x1d(keep=all)|1x1h", ["86400:all", "3600:1"]],
    ["1x1d(keep=all)|1x2d(keep=all)|1x1h|1x1h", ["86400:all", "172800:all", "3600:1", "3600:1"]],
  ])("%j", (text, intervals) => {
    expect(written(text)).toEqual(intervals);
  });

  test.each([
    ["", "cannot parse interval 1 of 1: must look like 24x1h or 1x1h(keep=all): "],
    ["24x1h | 7 days", "cannot parse interval 2 of 2: must look like 24x1h or 1x1h(keep=all):  7 days"],
    ["1x1h |", "cannot parse interval 2 of 2"],
    ["0x1h", "cannot parse interval 1 of 1: contains factor <= 0: 0x1h"],
    ["-1x1h", "cannot parse interval 1 of 1"],
    ["1x0h", "must be more than 0"],
    ["1x1h30m", "cannot parse interval 1 of 1"],
    ["1x1", "missing time unit"],
    ["1x1h(keep=0)", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(keep=-1)", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(keep=all )", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(keep=1.5)", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(keep=)", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(all)", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h()", "must be keep=all, or keep= and a number from 1 on"],
    ["1x1h(keep=1)x", "cannot parse interval 1 of 1"],
    ["1x1h | 1x1m", "retention grid interval length must be monotonically increasing"],
    ["1x1h(keep=all) | 1x1h | 1x1m", "retention grid interval length must be monotonically increasing"],
    ["999999999x1h", "makes more than 100000 intervals"],
  ])("%j is none", (text, reason) => {
    expect(() => parseGrid(text)).toThrow(reason);
  });

  test("lengths that do not decrease are always in order", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(lengths, (unsorted) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        expect(parseGrid(sorted.map((n) => `1x${n}s`).join("|")).map(({ lengthSec }) => lengthSec)).toEqual(sorted);
        const decreases = unsorted.some((n, i) => n < (unsorted[i - 1] ?? 0));
        const parse = () => parseGrid(unsorted.map((n) => `1x${n}s`).join("|"));
        if (decreases) expect(parse).toThrow("monotonically");
        else expect(parse).not.toThrow();
      }),
    );
  });
});
