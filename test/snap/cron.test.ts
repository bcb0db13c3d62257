import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cronProblem, nextFireSec } from "../../src/snap/cron.ts";

const sec = (iso: string) => Date.parse(iso) / 1000;
const iso = (timeSec: number | undefined) => timeSec && new Date(timeSec * 1000).toISOString().slice(0, 16);

describe("zrepl's vectors (§6.3), July 2022", () => {
  test.each`
    cron                   | after         | next
    ${"0-10 * * * *"}      | ${"17T01:10"} | ${"17T02:00"}
    ${"0-10 * * * *"}      | ${"17T23:10"} | ${"18T00:00"}
    ${"0-10 * * * *"}      | ${"17T01:09"} | ${"17T01:10"}
    ${"1,3,5 * * * *"}     | ${"17T01:01"} | ${"17T01:03"}
    ${"1,3,5 * * * *"}     | ${"17T01:02"} | ${"17T01:03"}
    ${"1,3,5 * * * *"}     | ${"17T01:03"} | ${"17T01:05"}
    ${"1,3,5 * * * *"}     | ${"17T01:05"} | ${"17T02:01"}
    ${"* 0-5,8,12 * * *"}  | ${"17T00:00"} | ${"17T00:01"}
    ${"* 0-5,8,12 * * *"}  | ${"17T04:59"} | ${"17T05:00"}
    ${"* 0-5,8,12 * * *"}  | ${"17T05:00"} | ${"17T05:01"}
    ${"* 0-5,8,12 * * *"}  | ${"17T05:59"} | ${"17T08:00"}
    ${"* 0-5,8,12 * * *"}  | ${"17T08:59"} | ${"17T12:00"}
    ${"53 17,18,19 * * *"} | ${"17T17:52"} | ${"17T17:53"}
    ${"53 17,18,19 * * *"} | ${"17T17:53"} | ${"17T18:53"}
    ${"53 17,18,19 * * *"} | ${"17T18:53"} | ${"17T19:53"}
    ${"53 17,18,19 * * *"} | ${"23T19:53"} | ${"24T17:53"}
  `("$cron: $after to $next", ({ cron, after, next }) => {
    expect(iso(nextFireSec(cron, sec(`2022-07-${after}:00Z`), "UTC"))).toBe(`2022-07-${next}`);
  });
});

/** Expression, zone, epoch seconds, what robfig/cron 3.0.1 answered (null = never). */
const robfigVectors: [string, string, number, number | null][] = JSON.parse(
  readFileSync(new URL("../fixtures/robfig-cron.json", import.meta.url), "utf8"),
);

test.each(robfigVectors)("like robfig/cron: %s in %s after %d", (expression, zone, afterSec, nextSec) => {
  expect(nextFireSec(expression, afterSec, zone) ?? null).toBe(nextSec);
});

describe("when clocks change, a fixed time of day fires once (zrepl: not at all, or twice)", () => {
  test.each`
    what                                     | cron            | after                     | next
    ${"02:30 does not exist: after the gap"} | ${"30 2 * * *"} | ${"2024-03-30T12:00:00Z"} | ${"2024-03-31T01:00"}
    ${"the day after"}                       | ${"30 2 * * *"} | ${"2024-03-31T01:30:00Z"} | ${"2024-04-01T00:30"}
    ${"02:30 comes twice: the first"}        | ${"30 2 * * *"} | ${"2024-10-26T12:00:00Z"} | ${"2024-10-27T00:30"}
    ${"02:30 comes twice: no second"}        | ${"30 2 * * *"} | ${"2024-10-27T00:30:00Z"} | ${"2024-10-28T01:30"}
    ${"an hourly one keeps its rhythm"}      | ${"30 * * * *"} | ${"2024-10-27T00:30:00Z"} | ${"2024-10-27T01:30"}
  `("$what", ({ cron, after, next }) => {
    expect(iso(nextFireSec(cron, sec(after), "Europe/Berlin"))).toBe(next);
  });
});

test("an expression can bring its zone", () => {
  expect(iso(nextFireSec("CRON_TZ=Asia/Tokyo 0 9 * * *", sec("2024-05-14T01:00:00Z"), "UTC"))).toBe("2024-05-15T00:00");
  expect(cronProblem("TZ=Mars/Olympus 0 9 * * *")).toBe("unknown time zone Mars/Olympus");
});

test("a date that never comes has no fire time", () => {
  expect(nextFireSec("0 0 30 2 *", sec("2024-01-01T00:00:00Z"), "UTC")).toBeUndefined();
});

test.each([
  ...[
    "* * * * *",
    "0-10 * * * *",
    "* 0-5,8,12 * * *",
    "*/5 * * * * *",
    "? ? ? jan-DEC mon,FRI",
    " 1  2 3 4 5 ",
    "5/15 * * * *",
  ],
])("takes %j", (expression) => {
  expect(cronProblem(expression)).toBeUndefined();
});

test.each`
  expression         | problem
  ${""}              | ${"expected 5 to 6 fields, found 0"}
  ${"23"}            | ${"found 1"}
  ${"* * * *"}       | ${"found 4"}
  ${"* * * * * * *"} | ${"found 7"}
  ${"@reboot"}       | ${"descriptors"}
  ${"@every 1h30m"}  | ${"descriptors"}
  ${"@daily"}        | ${"descriptors"}
  ${"60 * * * *"}    | ${"minute: not within 0-59"}
  ${"* 24 * * *"}    | ${"hour: not within"}
  ${"* * 0 * *"}     | ${"day of month: not within 1-31"}
  ${"* * * 13 *"}    | ${"month: not within"}
  ${"* * * * 7"}     | ${"day of week: not within 0-6"}
  ${"5-3 * * * *"}   | ${"beyond its end"}
  ${"*/0 * * * *"}   | ${"positive"}
  ${"1/2/3 * * * *"} | ${"too many"}
  ${"1-2-3 * * * *"} | ${"too many"}
  ${"* * L * *"}     | ${"not a number"}
  ${"* * 15W * *"}   | ${"not a number"}
  ${"* * * * FRI#2"} | ${"not a number"}
  ${"-1 * * * *"}    | ${"not a number"}
`("refuses $expression", ({ expression, problem }) => {
  expect(cronProblem(expression)).toContain(problem);
});
