import { GrammarError } from "./grammar-error.ts";

const SIZE = /^([-0-9.]*)[\t\n\f\r ]*(?:bit|(|K|Ki|M|Mi|G|Gi|T|Ti)([bB]))$/;
const FACTOR: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * Bits of a size (§2.11): `23 bit`, `10MiB`, `10.5 Kib`, `-1 B`; `b` counts bits, `B` bytes.
 * @throws {GrammarError}
 */
export function parseSizeBits(text: string): number {
  const [, digits, factor, unit] = SIZE.exec(text) ?? [];
  if (digits === undefined)
    throw new GrammarError(`is ${JSON.stringify(text)}; must be a number and a unit, such as 10 MiB`);
  const number = unit === undefined ? /^-?\d+$/ : /^-?(\d+\.?\d*|\.\d+)$/;
  if (!number.test(digits)) {
    const kind = unit === undefined ? "a whole number" : "a number";
    throw new GrammarError(`is ${JSON.stringify(text)}; there must be ${kind} before the unit, such as 10 MiB`);
  }
  const bitsPerUnit = (FACTOR[factor ?? ""] ?? 1) * (unit === "B" ? 8 : 1);
  return Number(digits) * bitsPerUnit;
}

/**
 * Whole bytes per second of `bandwidth_limit.max`; undefined for a negative one, which means unlimited.
 * @throws {GrammarError} also below one byte per second, at which nothing would ever arrive
 */
export function parseBandwidth(text: string): number | undefined {
  const bytes = parseSizeBits(text) / 8;
  if (bytes < 0) return undefined;
  if (bytes < 1) throw new GrammarError(`is ${JSON.stringify(text)}; must be at least 1 B, or negative for unlimited`);
  return Math.floor(bytes);
}

/**
 * Whole bytes of `bandwidth_limit.bucket_capacity`.
 * @throws {GrammarError} below one byte
 */
export function parseBucketSize(text: string): number {
  const bytes = Math.floor(parseSizeBits(text) / 8);
  if (bytes < 1) throw new GrammarError(`is ${JSON.stringify(text)}; must be at least 1 B`);
  return bytes;
}
