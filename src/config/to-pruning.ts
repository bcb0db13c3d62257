import type { RawKeepRule } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import type { KeepRule } from "./config.ts";
import { parseGrid } from "./grammar/grid.ts";
import type { Site } from "./site.ts";

/** One of the lists `keep`, `keep_sender`, `keep_receiver`. */
export function toKeepRules(raw: readonly RawKeepRule[], site: Site): KeepRule[] {
  return raw.map((rule) => toKeepRule(rule, site));
}

/** The list of a snap job, where nothing can be replicated (§2.8). */
export function toLocalKeepRules(raw: readonly RawKeepRule[], site: Site): KeepRule[] {
  raw.forEach((rule, i) => {
    if (rule.type === "not_replicated")
      site.at(i).problem("single-site pruner cannot support `not_replicated` keep rule; a snap job replicates nothing");
  });
  return toKeepRules(raw, site);
}

function toKeepRule(raw: RawKeepRule, site: Site): KeepRule {
  switch (raw.type) {
    case "not_replicated":
      return { type: raw.type, keepSnapshotAtCursor: raw.keep_snapshot_at_cursor, text: "not_replicated" };
    case "last_n": {
      const { count, regex } = raw;
      if (regex === undefined || regex === "") return { type: raw.type, count, text: `last_n ${count}` };
      return { type: raw.type, count, regex: site.pattern(regex), text: `last_n ${count} /${regex}/` };
    }
    case "grid": {
      const regex = site.pattern(raw.regex);
      return { type: raw.type, intervals: parseGrid(raw.grid), regex, text: `grid ${raw.grid} /${raw.regex}/` };
    }
    case "regex": {
      const text = raw.negate ? `regex not /${raw.regex}/` : `regex /${raw.regex}/`;
      return { type: raw.type, regex: site.pattern(raw.regex), negate: raw.negate, text };
    }
    default:
      return unreachable(raw);
  }
}
