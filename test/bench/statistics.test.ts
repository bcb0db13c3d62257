import { expect, test } from "vitest";
import { ratioOf, summarize } from "./statistics.ts";

test("the median and the middle half", () => {
  expect(summarize([5, 1, 3, 2, 4])).toEqual({ median: 3, low: 2, high: 4 });
  expect(summarize([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 });
});

test("a ratio is made round by round: what slows a round down slows both down", () => {
  expect(ratioOf([2, 20, 4], [1, 10, 2])).toEqual({ median: 2, low: 2, high: 2 });
});

test.each([
  { why: "fewer than 3 rounds", values: [2, 2], floor: [1, 1] },
  { why: "too short to be measured", values: [1, 1, 1], floor: [0, 0, 0] },
  { why: "rounds differ too much: 1.50 to 5.00", values: [1, 2, 8], floor: [1, 1, 1] },
])("no ratio: $why", ({ why, values, floor }) => {
  expect(ratioOf(values, floor)).toEqual({ meaningless: why });
});
