/**
 * Checks of what the other side sends: every value is looked at before it is used. A check returns the value with its
 * type, or throws with the place where it is wrong. Unknown keys are ignored.
 */
import { ProtocolError } from "./wire.ts";

export type Check<T> = (value: unknown, place: string) => T;

function wrong(place: string, expected: string, value: unknown): ProtocolError {
  const shown = JSON.stringify(value === undefined ? null : value).slice(0, 100);
  return new ProtocolError(`malformed message: ${place} must be ${expected}, not ${shown}`);
}

/** Text of at most `maxLength` UTF-16 units; `problem` says what else is wrong with it. */
export function text(maxLength: number, problem?: (value: string) => string | undefined): Check<string> {
  return (value, place) => {
    if (typeof value !== "string" || value.length > maxLength)
      throw wrong(place, `text of at most ${maxLength} characters`, value);
    const why = problem?.(value);
    if (why !== undefined)
      throw new ProtocolError(`malformed message: ${place} ${JSON.stringify(value.slice(0, 300))} ${why}`);
    return value;
  };
}

export function matching(pattern: RegExp, expected: string, maxLength: number): Check<string> {
  return (value, place) => {
    if (typeof value !== "string" || value.length > maxLength || !pattern.test(value))
      throw wrong(place, expected, value);
    return value;
  };
}

export function oneOf<T extends string>(...values: readonly T[]): Check<T> {
  return (value, place) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw wrong(place, `one of ${values.join(", ")}`, value);
    return found;
  };
}

/** A whole number, both bounds included. */
export function integer(min: number, max: number): Check<number> {
  return (value, place) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      throw wrong(place, `a whole number from ${min} to ${max}`, value);
    return value;
  };
}

export const flag: Check<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw wrong(place, "true or false", value);
  return value;
};

/** null and absent both mean undefined. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, place) => (value === undefined || value === null ? undefined : check(value, place));
}

export function list<T>(check: Check<T>, maxLength: number): Check<T[]> {
  return (value, place) => {
    if (!Array.isArray(value) || value.length > maxLength) throw wrong(place, `a list of at most ${maxLength}`, value);
    return value.map((item, i) => check(item, `${place}[${i}]`));
  };
}

/** An object whose values are checked one by one. */
export function object<T extends object>(checks: { readonly [K in keyof T]: Check<T[K]> }): Check<T> {
  return (value, place) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, "an object", value);
    const checked: Partial<T> = {};
    for (const key of Object.keys(checks) as (keyof T & string)[]) {
      const raw = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
      checked[key] = checks[key](raw, place === "" ? key : `${place}.${key}`);
    }
    return checked as T;
  };
}
