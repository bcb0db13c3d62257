import { GrammarError } from "./grammar-error.ts";

const ZREPL_DURATION = /^[\t\n\f\r ]*([+-]?\d+)[\t\n\f\r ]*(|s|m|h|d|w)[\t\n\f\r ]*$/;
const ZREPL_UNIT_SEC: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Seconds of a positive zrepl duration (§2.2): one whole number and one of s, m, h, d, w, such as `10m` or `2 w`.
 * @throws {GrammarError} for anything else, also for 0
 */
export function parsePositiveDuration(text: string): number {
  const [, count, unit = ""] = ZREPL_DURATION.exec(text) ?? [];
  if (count === undefined)
    throw new GrammarError(`is ${quote(text)}; must be a whole number and one of s, m, h, d, w, such as 10m`);
  if (Number(count) <= 0) throw new GrammarError(`is ${quote(text)}; must be more than 0`);
  const unitSec = ZREPL_UNIT_SEC[unit];
  if (unitSec === undefined) throw new GrammarError(`is ${quote(text)}; missing time unit: one of s, m, h, d, w`);
  return checkRange(Number(count) * unitSec, text);
}

/**
 * `manual`, or seconds of a positive zrepl duration (a pull job's `interval`).
 * @throws {GrammarError}
 */
export function parsePositiveDurationOrManual(text: string): "manual" | number {
  if (text === "manual") return "manual";
  if (text === "") throw new GrammarError("is empty; must be manual or a duration such as 10m");
  return parsePositiveDuration(text);
}

const GO_PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const GO_DURATION = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const GO_UNIT_SEC: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

/**
 * Seconds (with a fraction) of a Go duration such as `1m30s`, `500ms` or `0`.
 * @throws {GrammarError} also for negative ones: no key takes those
 */
export function parseGoDuration(text: string): number {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!GO_DURATION.test(text)) throw new GrammarError(`is ${quote(text)}; ${goHint(text)}`);
  const parts = [...text.matchAll(GO_PART)];
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (GO_UNIT_SEC[unit ?? ""] ?? 0), 0);
  if (text.startsWith("-") && seconds > 0) throw new GrammarError(`is ${quote(text)}; must not be negative`);
  return checkRange(seconds, text);
}

function goHint(text: string): string {
  if (/^\d+$/.test(text)) return `missing time unit, such as ${text}s`;
  if (/^\d+\s*[dw]$/.test(text)) return "days and weeks are not known here; write hours, such as 24h";
  return "must be numbers with h, m, s or ms after each, such as 1m30s";
}

/**
 * The same, but above 0 (a hook's `timeout`, `retry_interval`).
 * @throws {GrammarError}
 */
export function parsePositiveGoDuration(text: string): number {
  const seconds = parseGoDuration(text);
  if (seconds === 0) throw new GrammarError(`is ${quote(text)}; must be more than 0`);
  return seconds;
}

/** Go's durations are int64 nanoseconds. */
function checkRange(seconds: number, text: string): number {
  if (seconds > 9_223_372_036) throw new GrammarError(`is ${quote(text)}; must be at most 292 years`);
  return seconds;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
