import type { ZonedTime } from "../zone.ts";
import { zoneAbbreviation } from "./zone-abbreviation.ts";

const MONTHS = "January February March April May June July August September October November December".split(" ");
const WEEKDAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/**
 * The elements of a Go layout, in the order in which Go's time package tries them at each position. `Jan` and `Mon`
 * do not count before a lower-case letter, `_2006` is a literal `_` and a year, and a fraction must not run into a
 * further digit. Everything else is literal text.
 */
const ELEMENT = new RegExp(
  [
    "January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_2(?!006)|__2|3|4|5|PM|pm",
    "[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07",
    "[.,](?:0+|9+)(?![0-9])",
  ].join("|"),
  "g",
);

/** Writes an instant the way Go's `Time.Format` does; `layout` is Go's reference time 2006-01-02 15:04:05 MST -0700. */
export function formatGoLayout(layout: string, time: ZonedTime): string {
  return layout.replace(ELEMENT, (element) => formatElement(element, time));
}

function formatElement(element: string, time: ZonedTime): string {
  const simple = SIMPLE[element];
  if (simple !== undefined) return simple(time);
  const isFraction = element.startsWith(".") || element.startsWith(",");
  return isFraction ? formatFraction(element, time.millisecond) : formatOffset(element, time.offsetSec);
}

const SIMPLE: Readonly<Record<string, (time: ZonedTime) => string>> = {
  "2006": (t) => zeros(t.year, 4),
  "06": (t) => zeros(t.year % 100, 2),
  January: (t) => MONTHS[t.month - 1] ?? "",
  Jan: (t) => (MONTHS[t.month - 1] ?? "").slice(0, 3),
  "01": (t) => zeros(t.month, 2),
  "1": (t) => String(t.month),
  Monday: (t) => WEEKDAYS[t.weekday] ?? "",
  Mon: (t) => (WEEKDAYS[t.weekday] ?? "").slice(0, 3),
  "02": (t) => zeros(t.day, 2),
  "2": (t) => String(t.day),
  _2: (t) => String(t.day).padStart(2),
  "002": (t) => zeros(t.dayOfYear, 3),
  __2: (t) => String(t.dayOfYear).padStart(3),
  "15": (t) => zeros(t.hour, 2),
  "03": (t) => zeros(hour12(t), 2),
  "3": (t) => String(hour12(t)),
  "04": (t) => zeros(t.minute, 2),
  "4": (t) => String(t.minute),
  "05": (t) => zeros(t.second, 2),
  "5": (t) => String(t.second),
  PM: (t) => (t.hour >= 12 ? "PM" : "AM"),
  pm: (t) => (t.hour >= 12 ? "pm" : "am"),
  MST: zoneAbbreviation,
};

function zeros(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

function hour12(time: ZonedTime): number {
  return time.hour % 12 === 0 ? 12 : time.hour % 12;
}

/** `.000` keeps trailing zeros, `.999` drops them and, if nothing is left, the separator; at most nine digits. */
function formatFraction(element: string, millisecond: number): string {
  const nanoseconds = `${zeros(millisecond, 3)}000000`;
  const digits = nanoseconds.slice(0, element.length - 1);
  if (element[1] === "0") return element.slice(0, 1) + digits;
  const significant = digits.replace(/0+$/, "");
  return significant === "" ? "" : element.slice(0, 1) + significant;
}

/** `Z07…` prints `Z` at offset 0, `-07…` always a number. */
function formatOffset(element: string, offsetSec: number): string {
  if (element.startsWith("Z") && offsetSec === 0) return "Z";
  const absoluteSec = Math.abs(offsetSec);
  const parts = [zeros(Math.floor(absoluteSec / 3600), 2)];
  if (/07:?00/.test(element)) parts.push(zeros(Math.floor(absoluteSec / 60) % 60, 2));
  if (/07:?00:?00/.test(element)) parts.push(zeros(absoluteSec % 60, 2));
  // Go decides on whole minutes, so that an offset of less than a minute west of UTC gets a plus sign.
  return (offsetSec <= -60 ? "-" : "+") + parts.join(element.includes(":") ? ":" : "");
}
