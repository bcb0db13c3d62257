import type {
  RawFilesystems,
  RawHook,
  RawPushJob,
  RawSnapJob,
  RawSnapshotting,
  RawSnapshottingCron,
  RawSnapshottingPeriodic,
  RawSourceJob,
} from "../generated/raw-config.ts";
import { checkTimestampFormat } from "../snap/timestamp.ts";
import { componentProblem, filesystemNameProblem } from "../zfs/name.ts";
import type { FilesystemFilter, HookConfig, Snapshotting } from "./config.ts";
import { parsePositiveDuration, parsePositiveGoDuration } from "./grammar/duration.ts";
import { parseFilter } from "./grammar/filter.ts";
import type { Site } from "./site.ts";

/** `snapshotting:` of a snap, push or source job. */
export function toSnapshotting(raw: RawSnapshotting, site: Site): Snapshotting {
  if (raw.type === "manual") return { type: "manual" };
  const naming = toNaming(raw, site);
  if (raw.type === "cron") return { type: "cron", cron: raw.cron, ...naming };
  return { type: "periodic", intervalSec: parsePositiveDuration(raw.interval), ...naming };
}

function toNaming(raw: RawSnapshottingPeriodic | RawSnapshottingCron, site: Site) {
  const { prefix, timestamp_format: timestampFormat, timestamp_location: timestampLocation } = raw;
  const problem = checkTimestampFormat(timestampFormat, timestampLocation, prefix);
  if (problem !== undefined) blamed(raw, site).problem(problem);
  return {
    prefix,
    timestampFormat,
    timestampLocation,
    skipUnchanged: raw.skip_unchanged,
    tags: raw.tags,
    hooks: raw.hooks.map((hook, i) => toHook(hook, site.at("hooks", i))),
  };
}

/** The key that most likely makes a snapshot's name wrong. */
function blamed(raw: RawSnapshottingPeriodic | RawSnapshottingCron, site: Site): Site {
  const others = [site.at("timestamp_format"), site.at("timestamp_location")].filter((other) => other.isGiven());
  return (componentProblem(raw.prefix) === undefined ? others[0] : undefined) ?? site.at("prefix");
}

function toHook(raw: RawHook, site: Site): HookConfig {
  const common = {
    timeoutSec: parsePositiveGoDuration(raw.timeout),
    errIsFatal: raw.err_is_fatal,
    filesystems: toFilter(raw.filesystems, site.at("filesystems")),
  };
  if (raw.type !== "command") return { type: raw.type, dsn: raw.dsn, ...common };
  if (!raw.path.startsWith("/"))
    site.at("path").warn("is not absolute: what runs depends on the directory and on PATH");
  return { type: raw.type, path: raw.path, ...common };
}

/** `filesystems:`, `filesystems_by_property:` and `filesystems_exclude:` of a job. */
export function toSelection(raw: RawSnapJob | RawPushJob | RawSourceJob, site: Site): FilesystemFilter {
  const filter = toFilter(raw.filesystems, site.at("filesystems"));
  const excludes = raw.filesystems_exclude.map((regex) => site.pattern(regex));
  const byProperty = raw.filesystems_by_property;
  return {
    ...filter,
    ...(byProperty === undefined ? {} : { byProperty }),
    ...(excludes.length === 0
      ? {}
      : { excludes, match: (name) => filter.match(name) && !excludes.some((regex) => regex.test(name)) }),
  };
}

/** `filesystems:` of a job or hook. */
export function toFilter(raw: RawFilesystems, site: Site): FilesystemFilter {
  for (const pattern of Object.keys(raw)) {
    const path = pattern.replace(/<$/, "");
    const problem = pattern === "<" ? undefined : filesystemNameProblem(path);
    if (problem !== undefined) site.at(pattern).warn(`never matches: the name ${problem}`);
  }
  return parseFilter(new Map(Object.entries(raw)));
}
