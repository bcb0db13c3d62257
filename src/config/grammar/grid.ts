import type { GridInterval } from "../pruning-config.ts";
import { parsePositiveDuration } from "./duration.ts";
import { GrammarError } from "./grammar-error.ts";

const PART = /^[\t\n\f\r ]*(\d+)[\t\n\f\r ]*x[\t\n\f\r ]*([^(]+)[\t\n\f\r ]*(\((.*)\))?[\t\n\f\r ]*$/;
const KEEP = /^[\t\n\f\r ]*keep=(.+)[\t\n\f\r ]*$/;

/** More intervals than anyone needs, few enough for a typing error not to eat the memory. */
const MAX_INTERVALS = 100_000;

/**
 * The intervals of a grid, youngest first, repetitions written out: `1x1h(keep=all) | 24x1h` gives 25 (§2.17).
 * @throws {GrammarError} naming the part that is wrong; also when an interval is shorter than one before it that does
 * not keep all. Stricter than zrepl, which accepts `keep=0` and crashes on it later: a positive number or `all`.
 */
export function parseGrid(text: string): GridInterval[] {
  const parts = text.split("|");
  const intervals: GridInterval[] = [];
  parts.forEach((part, i) => {
    const where = `cannot parse interval ${i + 1} of ${parts.length}`;
    const { repeat, interval } = parsePart(part, where);
    if (intervals.length + repeat > MAX_INTERVALS)
      throw new GrammarError(`${where}: makes more than ${MAX_INTERVALS} intervals: ${part}`);
    for (let n = 0; n < repeat; n++) intervals.push(interval);
  });
  checkLengths(intervals);
  return intervals;
}

function parsePart(part: string, where: string): { readonly repeat: number; readonly interval: GridInterval } {
  const [, repeat, length, parenthesis, inside = ""] = PART.exec(part) ?? [];
  if (repeat === undefined || length === undefined)
    throw new GrammarError(`${where}: must look like 24x1h or 1x1h(keep=all): ${part}`);
  if (Number(repeat) < 1) throw new GrammarError(`${where}: contains factor <= 0: ${part}`);
  try {
    const lengthSec = parsePositiveDuration(length);
    return { repeat: Number(repeat), interval: { lengthSec, keep: parenthesis === undefined ? 1 : parseKeep(inside) } };
  } catch (error) {
    if (error instanceof GrammarError) throw new GrammarError(`${where}: ${error.message}: ${part}`);
    throw error;
  }
}

function parseKeep(inside: string): number | "all" {
  const keep = KEEP.exec(inside)?.[1];
  if (keep === "all") return "all";
  if (keep === undefined || !/^\+?0*[1-9]\d*$/.test(keep) || !Number.isSafeInteger(Number(keep)))
    throw new GrammarError(`(${inside}) must be keep=all, or keep= and a number from 1 on`);
  return Number(keep);
}

function checkLengths(intervals: readonly GridInterval[]): void {
  let keptAll = true;
  for (const [i, { lengthSec, keep }] of intervals.entries()) {
    const previousSec = intervals[i - 1]?.lengthSec ?? 0;
    if (lengthSec < previousSec && !keptAll)
      throw new GrammarError("retention grid interval length must be monotonically increasing (except after keep=all)");
    keptAll &&= keep === "all";
  }
}
