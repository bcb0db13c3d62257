import type { RawKeepCalendar, RawKeepRule, RawPruningBoth, RawPruningLocal } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import { isKnownLocation } from "../zone.ts";
import { parseDestroyLimit } from "./grammar/destroy-limit.ts";
import { parsePositiveDuration } from "./grammar/duration.ts";
import { parseGrid } from "./grammar/grid.ts";
import type { BothPruning, CalendarCounts, KeepRule, LocalPruning, PruneGuards } from "./pruning-config.ts";
import type { Site } from "./site.ts";

/** `pruning:` of a push or pull job. */
export function toBothPruning(raw: RawPruningBoth, site: Site): BothPruning {
  return {
    keepSender: toKeepRules(raw.keep_sender, site.at("keep_sender")),
    keepReceiver: toKeepRules(raw.keep_receiver, site.at("keep_receiver")),
    vanished: raw.vanished,
    ...toGuards(raw, site),
  };
}

/** `pruning:` of a job that prunes one side; a source job can know what is replicated, the others can't (§2.8). */
export function toLocalPruning(raw: RawPruningLocal, site: Site, type: "snap" | "sink" | "source"): LocalPruning {
  const keep = site.at("keep");
  return {
    keep: type === "source" ? toKeepRules(raw.keep, keep) : toLocalKeepRules(raw.keep, keep, type),
    ...toGuards(raw, site),
  };
}

function toGuards(raw: RawPruningBoth | RawPruningLocal, site: Site): PruneGuards {
  const { min_age: minAge, max_age: maxAge, max_destroy: maxDestroy } = raw;
  const minAgeSec = minAge === undefined ? undefined : parsePositiveDuration(minAge);
  const maxAgeSec = maxAge === undefined ? undefined : parsePositiveDuration(maxAge);
  if (minAgeSec !== undefined && maxAgeSec !== undefined && minAgeSec >= maxAgeSec)
    site.at("max_age").problem("must be more than min_age");
  return {
    allowEmpty: raw.allow_empty,
    ...(minAgeSec === undefined ? {} : { minAgeSec }),
    ...(maxAgeSec === undefined ? {} : { maxAgeSec }),
    ...(maxDestroy === undefined ? {} : { maxDestroy: parseDestroyLimit(maxDestroy) }),
  };
}

/** One of the lists `keep`, `keep_sender`, `keep_receiver`. */
function toKeepRules(raw: readonly RawKeepRule[], site: Site): KeepRule[] {
  return raw.map((rule, i) => toKeepRule(rule, site.at(i)));
}

function toLocalKeepRules(raw: readonly RawKeepRule[], site: Site, type: string): KeepRule[] {
  raw.forEach((rule, i) => {
    if (rule.type === "not_replicated")
      site
        .at(i)
        .problem(
          `single-site pruner cannot support \`not_replicated\` keep rule; a ${type} job ${type === "snap" ? "replicates nothing" : "does not know what is replicated"}`,
        );
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
    case "calendar":
      return toCalendar(raw, site);
    default:
      return unreachable(raw);
  }
}

function toCalendar(raw: RawKeepCalendar, site: Site): KeepRule {
  const { hourly, daily, weekly, monthly, yearly, location, regex } = raw;
  const counts: CalendarCounts = { hourly, daily, weekly, monthly, yearly };
  const wanted = Object.entries(counts).filter(([, count]) => count > 0);
  if (wanted.length === 0)
    site.problem("keeps nothing; at least one of hourly, daily, weekly, monthly, yearly must be above 0");
  if (!isKnownLocation(location)) site.at("location").problem(`unknown time zone ${JSON.stringify(location)}`);
  const text = ["calendar", ...wanted.map(([period, count]) => `${period} ${count}`), location].join(" ");
  if (regex === undefined || regex === "") return { type: raw.type, counts, location, text };
  return { type: raw.type, counts, location, regex: site.pattern(regex), text: `${text} /${regex}/` };
}
