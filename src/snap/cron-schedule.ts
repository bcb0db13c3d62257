/**
 * The cron expressions of robfig/cron v3, which zrepl uses (§2.16, §6.3): five fields or six with leading seconds, lists,
 * ranges, steps, names, `?` for `*`, an optional `TZ=zone` in front, no descriptors such as `@daily`.
 */

/** The values that a field admits, in ascending order; `star` if it was written as `*` or `?`. */
interface CronField {
  readonly values: readonly number[];
  readonly star: boolean;
}

export interface CronSchedule {
  /** second, minute, hour, day of month, month, day of week (0 = Sunday). */
  readonly fields: readonly CronField[];
  /** From `TZ=` or `CRON_TZ=` in front of the expression. */
  readonly location: string | undefined;
}

interface Bounds {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values from `min` on. */
  readonly names?: readonly string[];
}

const BOUNDS: readonly Bounds[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") },
  { name: "day of week", min: 0, max: 6, names: "sun mon tue wed thu fri sat".split(" ") },
];

/** Why an expression is not one; for the config check. */
export class CronSyntaxError extends Error {}

/** @throws CronSyntaxError with a message for the operator */
export function parseCron(expression: string): CronSchedule {
  const [, location, rest = ""] = /^(?:(?:CRON_)?TZ=(\S*)\s)?\s*(.*?)\s*$/s.exec(expression) ?? [];
  if (rest.startsWith("@")) throw new CronSyntaxError(`descriptors such as ${rest} are not supported`);
  const texts = rest.split(/\s+/).filter((text) => text !== "");
  if (texts.length !== 5 && texts.length !== 6) {
    throw new CronSyntaxError(`expected 5 to 6 fields, found ${texts.length}`);
  }
  const six = texts.length === 5 ? ["0", ...texts] : texts;
  return { fields: BOUNDS.map((bounds, i) => parseField(six[i] ?? "", bounds)), location };
}

function parseField(text: string, bounds: Bounds): CronField {
  const ranges = text.split(",").filter((range) => range !== "");
  if (ranges.length === 0) throw new CronSyntaxError(`${bounds.name}: no value in ${JSON.stringify(text)}`);
  const parsed = ranges.map((range) => parseRange(range, bounds));
  const values = [...new Set(parsed.flatMap((field) => field.values))].sort((a, b) => a - b);
  return { values, star: parsed.some((field) => field.star) };
}

/** `*`, `N`, `A-B`, each with an optional `/STEP`; `N/STEP` means from N to the end. */
function parseRange(text: string, bounds: Bounds): CronField {
  const [range = "", stepText, ...tooManySlashes] = text.split("/");
  const [low = "", high, ...tooManyHyphens] = range.split("-");
  if (tooManySlashes.length > 0 || tooManyHyphens.length > 0) throw fieldError(bounds, text, "too many / or -");
  const isStar = low === "*" || low === "?";
  const start = isStar ? bounds.min : parseValue(low, bounds);
  const step = stepText === undefined ? 1 : parseNumber(stepText, bounds);
  const toTheEnd = isStar || (stepText !== undefined && high === undefined);
  const end = toTheEnd ? bounds.max : high === undefined ? start : parseValue(high, bounds);
  if (start < bounds.min || end > bounds.max) throw fieldError(bounds, text, `not within ${bounds.min}-${bounds.max}`);
  if (start > end) throw fieldError(bounds, text, "beginning of range is beyond its end");
  if (step === 0) throw fieldError(bounds, text, "step of range should be a positive number");
  const length = Math.floor((end - start) / step) + 1;
  return { values: Array.from({ length }, (_, i) => start + i * step), star: isStar && step === 1 };
}

function parseValue(text: string, bounds: Bounds): number {
  const index = bounds.names?.indexOf(text.toLowerCase()) ?? -1;
  return index >= 0 ? bounds.min + index : parseNumber(text, bounds);
}

function parseNumber(text: string, bounds: Bounds): number {
  if (!/^\+?\d+$/.test(text)) throw fieldError(bounds, text, "not a number");
  return Number(text);
}

function fieldError(bounds: Bounds, text: string, problem: string): CronSyntaxError {
  return new CronSyntaxError(`${bounds.name}: ${problem}: ${JSON.stringify(text)}`);
}
