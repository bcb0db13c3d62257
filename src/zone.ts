/** Time-zone arithmetic on plain numbers, with Intl as the only source of zone rules; no clock. */

/** A wall-clock reading in some zone; Go's time.Time as far as layouts can see it. */
export interface ZonedTime {
  readonly year: number;
  /** 1 = January. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0–999. */
  readonly millisecond: number;
  /** 0 = Sunday. */
  readonly weekday: number;
  /** 1 = 1 January. */
  readonly dayOfYear: number;
  /** East of UTC is positive. */
  readonly offsetSec: number;
  /** The epoch second and the zone that this was computed from. */
  readonly timeSec: number;
  readonly zone: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** The IANA name behind a zrepl `timestamp_location`: an IANA name, `UTC` (also: empty) or `Local`. */
export function resolveZone(location: string): string {
  if (location === "" || location === "UTC") return "UTC";
  return location === "Local" ? new Intl.DateTimeFormat().resolvedOptions().timeZone : location;
}

/**
 * Whether the zone is known here. Offsets such as `+01:00` and names in the wrong case, both of which Intl would take,
 * are no zone names.
 */
export function isKnownLocation(location: string): boolean {
  if (location === "" || location === "UTC" || location === "Local") return true; // loading Intl costs 15 ms
  const zone = resolveZone(location);
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    const { timeZone } = formatterOf(zone).resolvedOptions();
    return timeZone === zone || timeZone.toLowerCase() !== zone.toLowerCase();
  } catch {
    return false;
  }
}

/**
 * The wall clock of `location` at an instant, rounded to whole milliseconds.
 * @throws RangeError for an unknown location; `isKnownLocation` tells beforehand
 */
export function zonedTime(timeSec: number, location: string): ZonedTime {
  const zone = resolveZone(location);
  const timeMs = Math.round(timeSec * 1000);
  const epochSec = Math.floor(timeMs / 1000);
  const { year, month, day, hour, minute, second } = zone === "UTC" ? utcFields(epochSec) : fieldsIn(zone, epochSec);
  const days = daysSinceEpoch(year, month, day);
  const localSec = days * 86_400 + hour * 3600 + minute * 60 + second;
  return {
    ...{ year, month, day, hour, minute, second, zone },
    millisecond: timeMs - epochSec * 1000,
    weekday: (((days + 4) % 7) + 7) % 7,
    dayOfYear: days - daysSinceEpoch(year, 1, 1) + 1,
    offsetSec: localSec - epochSec,
    timeSec: epochSec,
  };
}

/** The same as `fieldsIn("UTC", …)` without Intl, whose first use costs 45 ms. */
function utcFields(epochSec: number) {
  const date = new Date(epochSec * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

function fieldsIn(zone: string, epochSec: number) {
  const field: Record<string, number> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(epochSec * 1000)) field[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = field;
  return { year, month, day, hour, minute, second };
}

/**
 * Days from 1970-01-01 to a date of the proleptic Gregorian calendar; years start in March, so that leap days
 * come last.
 */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const numeric = "numeric";
  const made = new Intl.DateTimeFormat("en-US", {
    ...{ timeZone: zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23" },
    ...{ year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric },
  });
  formatters.set(zone, made);
  return made;
}

/** The offset of one zone from UTC at many instants, without asking Intl for each. */
export interface ZoneClock {
  readonly offsetSec: (timeSec: number) => number;
}

const BLOCK_SEC = 6 * 3600;

/** Offsets are looked up per stretch of six hours; inside one in which the offset changes, for each instant. */
export function zoneClock(location: string): ZoneClock {
  if (resolveZone(location) === "UTC") return { offsetSec: () => 0 };
  const edges = new Map<number, number>();
  const exact = (timeSec: number) => zonedTime(timeSec, location).offsetSec;
  const atEdge = (block: number) => {
    const known = edges.get(block);
    if (known !== undefined) return known;
    const offsetSec = exact(block * BLOCK_SEC);
    edges.set(block, offsetSec);
    return offsetSec;
  };
  return {
    offsetSec: (timeSec) => {
      const block = Math.floor(timeSec / BLOCK_SEC);
      const before = atEdge(block);
      return before === atEdge(block + 1) ? before : exact(timeSec);
    },
  };
}
