import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CalendarCounts, KeepRule } from "../../src/config/pruning-config.ts";
import { applyKeepRules } from "../../src/prune/keep.ts";
import { keepCalendar } from "../../src/prune/rules/calendar.ts";
import type { PruneSnapshot } from "../../src/prune/snapshot.ts";

type CalendarRule = Extract<KeepRule, { type: "calendar" }>;

const NONE: CalendarCounts = { hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

function calendar(counts: Partial<CalendarCounts>, location = "Europe/Berlin"): CalendarRule {
  return { type: "calendar", counts: { ...NONE, ...counts }, location, text: "calendar" };
}

/** One snapshot at each of these times, in seconds; named by the time in UTC. */
function at(times: readonly number[]): PruneSnapshot[] {
  return times.map((creationSec, i) => ({
    name: new Date(creationSec * 1000).toISOString().slice(0, 16),
    guid: String(i),
    createtxg: BigInt(i),
    creationSec,
    replicated: false,
    userrefs: 0,
  }));
}

const utc = (text: string) => Date.parse(`${text}Z`) / 1000;
const ALL = 1_000_000;

/** 2026 in Berlin, from its first instant, every 15 minutes: clocks go forward on 29 March, back on 25 October. */
const year = at(Array.from({ length: 365 * 96 }, (_, i) => utc("2025-12-31T23:00") + i * 900));

const kept = (rule: CalendarRule, snapshots = year) =>
  [...keepCalendar(rule, snapshots).keys()].map(({ name }) => name).sort();

describe("a year with a snapshot every 15 minutes", () => {
  test.each`
    counts                                              | number             | oldest                | newest
    ${{ hourly: ALL }}                                  | ${8760}            | ${"2025-12-31T23:45"} | ${"2026-12-31T22:45"}
    ${{ hourly: 24 }}                                   | ${24}              | ${"2026-12-30T23:45"} | ${"2026-12-31T22:45"}
    ${{ daily: ALL }}                                   | ${365}             | ${"2026-01-01T22:45"} | ${"2026-12-31T22:45"}
    ${{ daily: 7 }}                                     | ${7}               | ${"2026-12-25T22:45"} | ${"2026-12-31T22:45"}
    ${{ weekly: ALL }}                                  | ${53}              | ${"2026-01-04T22:45"} | ${"2026-12-31T22:45"}
    ${{ monthly: ALL }}                                 | ${12}              | ${"2026-01-31T22:45"} | ${"2026-12-31T22:45"}
    ${{ yearly: ALL }}                                  | ${1}               | ${"2026-12-31T22:45"} | ${"2026-12-31T22:45"}
    ${{ hourly: 24, daily: 7, weekly: 4, monthly: 12 }} | ${24 + 6 + 2 + 11} | ${"2026-01-31T22:45"} | ${"2026-12-31T22:45"}
  `("$counts keeps $number, the oldest $oldest", ({ counts, number, oldest, newest }) => {
    const names = kept(calendar(counts));
    expect(names).toHaveLength(number);
    expect([names[0], names.at(-1)]).toEqual([oldest, newest]);
  });

  test.each`
    day                          | from                  | hours
    ${"29 March has 23 hours"}   | ${"2026-03-28T23:00"} | ${23}
    ${"25 October has 25 hours"} | ${"2026-10-24T22:00"} | ${25}
    ${"26 October has 24 hours"} | ${"2026-10-25T23:00"} | ${24}
  `("$day, each with its newest", ({ from, hours }) => {
    const start = utc(from);
    const day = year.filter(({ creationSec }) => creationSec >= start && creationSec < start + hours * 3600);
    expect(kept(calendar({ hourly: ALL }), day)).toHaveLength(hours);
    expect(kept(calendar({ daily: ALL }), day)).toHaveLength(1);
    expect(kept(calendar({ hourly: ALL }), day).every((name) => name.endsWith(":45"))).toBe(true);
  });

  test("the hour that comes twice is two hours", () => {
    const twice = at([
      utc("2026-10-25T00:10"),
      utc("2026-10-25T00:50"),
      utc("2026-10-25T01:10"),
      utc("2026-10-25T01:50"),
    ]);
    const reasons = [...keepCalendar(calendar({ hourly: ALL }), twice).values()];
    expect(reasons.sort()).toEqual([
      "calendar: newest of hour 2026-10-25 02:00+01:00",
      "calendar: newest of hour 2026-10-25 02:00+02:00",
    ]);
  });

  test("periods are those of the zone", () => {
    const evening = at([utc("2026-06-30T21:30"), utc("2026-06-30T22:30"), utc("2026-07-01T03:30")]);
    expect(kept(calendar({ daily: ALL }), evening)).toEqual(["2026-06-30T21:30", "2026-07-01T03:30"]);
    expect(kept(calendar({ daily: ALL }, "UTC"), evening)).toEqual(["2026-06-30T22:30", "2026-07-01T03:30"]);
    expect(kept(calendar({ daily: ALL }, "America/New_York"), evening)).toEqual(["2026-07-01T03:30"]);
    expect(kept(calendar({ monthly: ALL }, "Asia/Kolkata"), evening)).toEqual(["2026-07-01T03:30"]);
  });

  test("a year of it takes well under a second", () => {
    const startMs = performance.now();
    kept(calendar({ hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3 }));
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});

test("weeks start on Monday", () => {
  const days = at(["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17"].map((day) => utc(`${day}T12:00`)));
  const reasons = [...keepCalendar(calendar({ weekly: 9 }, "UTC"), days)].map(([{ name }, why]) => `${name} ${why}`);
  expect(reasons).toEqual([
    "2026-11-17T12:00 calendar: newest of week 2026-11-16",
    "2026-11-15T12:00 calendar: newest of week 2026-11-09",
  ]);
});

test("periods without a snapshot don't count", () => {
  const sparse = at(["2026-01-01", "2026-03-05", "2026-11-20"].map((day) => utc(`${day}T12:00`)));
  expect(kept(calendar({ daily: 2 }, "UTC"), sparse)).toEqual(["2026-03-05T12:00", "2026-11-20T12:00"]);
});

test("a regex limits it", () => {
  const snapshots = at([utc("2026-01-01T01:00"), utc("2026-01-01T02:00")]);
  const rule = {
    ...calendar({ daily: 1 }, "UTC"),
    regex: { source: "T01", test: (name: string) => name.includes("T01") },
  };
  expect(kept(rule, snapshots)).toEqual(["2026-01-01T01:00"]);
});

describe("properties", () => {
  const times = fc.uniqueArray(fc.integer({ min: utc("2026-03-20T00:00"), max: utc("2026-11-10T00:00") }), {
    maxLength: 60,
  });
  const counts = fc.record({
    hourly: fc.nat(5),
    daily: fc.nat(5),
    weekly: fc.nat(3),
    monthly: fc.nat(3),
    yearly: fc.nat(2),
  });

  test("pruning twice destroys nothing more", () => {
    fc.assert(
      fc.property(times, counts, (list, wanted) => {
        const rules = [calendar(wanted)];
        const once = applyKeepRules(rules, at(list)).filter(({ action }) => action === "keep");
        const twice = applyKeepRules(
          rules,
          once.map(({ snapshot }) => snapshot),
        );
        expect(twice.every(({ action }) => action === "keep")).toBe(true);
      }),
    );
  });

  test("higher counts keep at least as much", () => {
    fc.assert(
      fc.property(
        times,
        counts,
        fc.constantFrom("hourly", "daily", "weekly", "monthly", "yearly"),
        (list, wanted, period) => {
          const fewer = kept(calendar(wanted), at(list));
          const more = kept(calendar({ ...wanted, [period]: wanted[period] + 1 }), at(list));
          expect(more).toEqual(expect.arrayContaining(fewer));
        },
      ),
    );
  });

  test("at most as many as the counts say, and the newest is among them", () => {
    fc.assert(
      fc.property(times, counts, (list, wanted) => {
        const names = kept(calendar(wanted), at(list));
        const total = Object.values(wanted).reduce((sum, count) => sum + count, 0);
        expect(names.length).toBeLessThanOrEqual(total);
        if (total > 0 && list.length > 0) expect(names).toContain(at([Math.max(...list)])[0]?.name);
      }),
    );
  });
});
