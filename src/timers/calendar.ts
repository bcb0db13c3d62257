/** When a job is due, in the languages of timers: systemd's calendar expressions and cron lines. */
import { type CronSchedule, parseCron } from "../snap/cron-schedule.ts";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** systemd's expression for "every so many seconds" if that has round times, such as each ten minutes; else undefined. */
export function intervalCalendar(intervalSec: number): string | undefined {
  if (intervalSec === 7 * DAY) return "Mon *-*-* 00:00:00";
  if (intervalSec === DAY) return "*-*-* 00:00:00";
  if (intervalSec === HOUR) return "*-*-* *:00:00";
  if (intervalSec === MINUTE) return "*-*-* *:*:00";
  if (dividesInto(intervalSec, HOUR, DAY)) return `*-*-* 0/${intervalSec / HOUR}:00:00`;
  if (dividesInto(intervalSec, MINUTE, HOUR)) return `*-*-* *:0/${intervalSec / MINUTE}:00`;
  return dividesInto(intervalSec, 1, MINUTE) ? `*-*-* *:*:0/${intervalSec}` : undefined;
}

function dividesInto(intervalSec: number, unitSec: number, wholeSec: number): boolean {
  return intervalSec < wholeSec && intervalSec % unitSec === 0 && wholeSec % intervalSec === 0;
}

/** Systemd's expressions for a cron expression of zrepl's; two where cron means "this day of the month or that weekday". */
export function cronCalendars(expression: string): string[] {
  const { fields, location }: CronSchedule = parseCron(expression);
  const [second = "", minute = "", hour = "", day = "", month = ""] = fields.map(({ values, star }, i) =>
    star ? "*" : compactValues(values, LAST[i] ?? 0),
  );
  const time = `${hour}:${minute}:${second}`.replace(/\b\d\b(?!\/)/g, (digit) => `0${digit}`);
  const zone = location === undefined || location === "Local" ? "" : ` ${location || "UTC"}`;
  const [, , , days, , weekdays] = fields;
  const names = (weekdays?.values ?? []).map((value) => WEEKDAYS[value]).join(",");
  if (weekdays === undefined || weekdays.star) return [`*-${month}-${day} ${time}${zone}`];
  if (days?.star) return [`${names} *-${month}-* ${time}${zone}`];
  return [`*-${month}-${day} ${time}${zone}`, `${names} *-${month}-* ${time}${zone}`];
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Largest value of second, minute, hour, day, month. */
const LAST = [59, 59, 23, 31, 12];

/** `0/15` for 0,15,30,45; a list where there is no such step. */
function compactValues(values: readonly number[], last: number): string {
  const [first = 0, second = 0] = values;
  const step = second - first;
  const isRegular = values.every((value, i) => value === first + i * step) && (values.at(-1) ?? 0) + step > last;
  return values.length > 2 && isRegular ? `${first}/${step}` : values.join(",");
}

/**
 * A cron line's five fields for "every so many seconds". Where cron has no such rhythm, one that is a part of it: `run` at a time
 * when no snapshot is due takes none.
 */
export function intervalCron(intervalSec: number): string {
  if (intervalSec % (7 * DAY) === 0) return "0 0 * * 1";
  if (intervalSec % DAY === 0) return "0 0 * * *";
  const hours = largestPart(intervalSec / HOUR, 24);
  if (hours > 0) return hours === 1 ? "0 * * * *" : `0 */${hours} * * *`;
  const minutes = largestPart(intervalSec / MINUTE, 60);
  return minutes > 1 ? `*/${minutes} * * * *` : "* * * * *";
}

/** The largest whole part of `count` that also is one of `whole`, and less; 0 if `count` is not whole. */
function largestPart(count: number, whole: number): number {
  if (!Number.isInteger(count)) return 0;
  for (let part = Math.min(count, whole - 1); part > 1; part--)
    if (count % part === 0 && whole % part === 0) return part;
  return 1;
}

/** A cron line's five fields for an expression of zrepl's, which may have seconds and a zone in front. */
export function cronFields(expression: string): { readonly fields: string; readonly zone: string | undefined } {
  const { location } = parseCron(expression);
  const texts = expression
    .replace(/^\s*(?:CRON_)?TZ=\S*\s+/, "")
    .trim()
    .split(/\s+/);
  return { fields: texts.slice(-5).join(" ").replaceAll("?", "*"), zone: location };
}
