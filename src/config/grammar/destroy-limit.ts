import type { DestroyLimit } from "../pruning-config.ts";
import { GrammarError } from "./grammar-error.ts";

/**
 * `100` snapshots, or `20%` of them.
 * @throws {GrammarError}
 */
export function parseDestroyLimit(text: string): DestroyLimit {
  const [, number = "", percent] = /^\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(text) ?? [];
  const value = Number(number);
  if (number === "" || (percent !== "%" && !Number.isSafeInteger(value)))
    throw new GrammarError(`is ${JSON.stringify(text)}; must be a number of snapshots, or a percentage such as 20%`);
  if (percent === "%" && value > 100) throw new GrammarError(`is ${JSON.stringify(text)}; must be at most 100%`);
  return percent === "%" ? { percent: value } : { count: value };
}
