import type { CalendarCounts, KeepRule } from "../../config/pruning-config.ts";
import { type ZoneClock, zoneClock } from "../../zone.ts";
import { compareSnapshots, type Kept, type PruneSnapshot } from "../snapshot.ts";

type CalendarRule = Extract<KeepRule, { type: "calendar" }>;

interface Period {
  readonly count: keyof CalendarCounts;
  readonly noun: string;
  /** The period that a local time is in, for people and as identity. */
  readonly label: (time: LocalTime) => string;
}

interface LocalTime {
  /** `2026-11-20` */
  readonly date: string;
  readonly year: number;
  readonly month: string;
  readonly hour: string;
  readonly offset: string;
  /** Days since 1970-01-01, a Thursday. */
  readonly day: number;
}

const PERIODS: readonly Period[] = [
  // with the offset: where clocks are put back, the hour that comes twice is two hours
  { count: "hourly", noun: "hour", label: ({ date, hour, offset }) => `${date} ${hour}:00${offset}` },
  { count: "daily", noun: "day", label: ({ date }) => date },
  { count: "weekly", noun: "week", label: ({ day }) => dateOf(mondayOf(day)) },
  { count: "monthly", noun: "month", label: ({ month }) => month },
  { count: "yearly", noun: "year", label: ({ year }) => String(year) },
];

/**
 * Keeps the newest snapshot of each of the last so many hours, days, weeks, months and years that have one. Like a grid, it
 * does not ask the clock: pruning again, or much later, destroys nothing more.
 */
export function keepCalendar(rule: CalendarRule, snapshots: readonly PruneSnapshot[]): Kept {
  const clock = zoneClock(rule.location);
  const newestFirst = snapshots
    .filter(({ name }) => rule.regex?.test(name) ?? true)
    .sort((a, b) => b.creationSec - a.creationSec || compareSnapshots(b, a))
    .map((snapshot) => ({ snapshot, time: localTime(snapshot.creationSec, clock) }));
  const reasons = new Map<PruneSnapshot, string[]>();
  for (const { count, noun, label } of PERIODS) {
    let left = rule.counts[count];
    let current: string | undefined;
    for (const { snapshot, time } of newestFirst) {
      if (left === 0) break;
      const period = label(time);
      if (period === current) continue;
      current = period;
      left--;
      reasons.set(snapshot, [...(reasons.get(snapshot) ?? []), `${noun} ${period}`]);
    }
  }
  return new Map([...reasons].map(([snapshot, periods]) => [snapshot, `calendar: newest of ${periods.join(", ")}`]));
}

const DAY_SEC = 86_400;

function localTime(timeSec: number, clock: ZoneClock): LocalTime {
  const offsetSec = clock.offsetSec(timeSec);
  const localSec = timeSec + offsetSec;
  const day = Math.floor(localSec / DAY_SEC);
  const date = dateOf(day);
  const hour = two(Math.floor((localSec - day * DAY_SEC) / 3600));
  return {
    date,
    year: Number(date.slice(0, -6)),
    month: date.slice(0, -3),
    hour,
    offset: formatOffset(offsetSec),
    day,
  };
}

/** Weeks start on Monday. */
function mondayOf(day: number): number {
  return day - ((((day + 3) % 7) + 7) % 7);
}

/** The proleptic Gregorian date of a number of days since 1970-01-01; years start in March, so that leap days come last. */
function dateOf(day: number): string {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year}-${two(month)}-${two(dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1)}`;
}

function formatOffset(offsetSec: number): string {
  if (offsetSec === 0) return "Z";
  const minutes = Math.floor(Math.abs(offsetSec) / 60);
  return `${offsetSec < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
