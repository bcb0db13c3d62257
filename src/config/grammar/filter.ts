import type { FilesystemFilter } from "../config.ts";
import { GrammarError } from "./grammar-error.ts";

/**
 * A filter from its entries (§2.10): an exact pattern beats every subtree; of the subtrees that contain the filesystem
 * the one with the most components wins; no match means excluded.
 * @throws {GrammarError} for an invalid pattern
 */
export function parseFilter(rules: ReadonlyMap<string, boolean>): FilesystemFilter {
  const exact = new Map<string, boolean>();
  const subtrees = new Map<string, boolean>();
  for (const [pattern, included] of rules) {
    const problem = filterPatternProblem(pattern);
    if (problem !== undefined) throw new GrammarError(problem);
    if (pattern.endsWith("<")) subtrees.set(pattern.slice(0, -1), included);
    else exact.set(pattern, included);
  }
  return { rules, match: (filesystem) => exact.get(filesystem) ?? nearestSubtree(filesystem, subtrees) };
}

function nearestSubtree(filesystem: string, subtrees: ReadonlyMap<string, boolean>): boolean {
  for (let path = filesystem; path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const included = subtrees.get(path);
    if (included !== undefined) return included;
  }
  return subtrees.get("") ?? false;
}

/** What is wrong with a pattern, which is a filesystem's name with or without a trailing `<`. */
export function filterPatternProblem(pattern: string): string | undefined {
  const path = pattern.endsWith("<") ? pattern.slice(0, -1) : pattern;
  if (/^[^<]*<[^<]+$/.test(pattern)) return "pattern invalid: only one '<' at end of string allowed";
  const forbidden = /[@#|\t<>*]/.exec(path)?.[0];
  if (forbidden !== undefined)
    return `pattern is not a dataset path: contains ${JSON.stringify(forbidden)}; must be a filesystem, with one < after it for its subtree`;
  if (path.endsWith("/")) return "pattern is not a dataset path: must not end with /";
  return undefined;
}
