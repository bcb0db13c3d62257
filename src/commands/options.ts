/** Options that several commands share, and how yargs reads them. */
import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { parseDestroyLimit } from "../config/grammar/destroy-limit.ts";
import { GrammarError } from "../config/grammar/grammar-error.ts";
import type { DestroyLimit } from "../config/pruning-config.ts";
import { UsageError } from "../errors.ts";

/** `JOB…` or `--all`. */
export function withJobs<T extends GlobalOptions>(cli: Argv<T>) {
  return cli
    .positional("jobs", { type: "string", array: true, default: [] as string[], describe: "names of jobs; or --all" })
    .option("all", {
      type: "boolean",
      default: false,
      describe: "all jobs that this command works on, instead of names",
    })
    .check(({ jobs, all }) => {
      if (all === jobs.length > 0)
        throw new UsageError(all ? "name jobs or give --all, not both" : "name a job, or give --all");
      return true;
    });
}

/** `[JOB…]`; none are all. */
export function withAnyJobs<T>(cli: Argv<T>) {
  return cli.positional("jobs", {
    type: "string",
    array: true,
    default: [] as string[],
    describe: "names of jobs; none = all",
  });
}

/** A push or pull job, and `--filesystem`. */
export function withFilesystemsOfJob<T>(cli: Argv<T>) {
  return cli
    .positional("job", { type: "string", demandOption: true, describe: "name of the push or pull job" })
    .option("filesystem", {
      type: "string",
      array: true,
      nargs: 1,
      default: [] as string[],
      describe: "only this one, by its name on the sender; may be given several times",
    });
}

/** `--time-limit`. */
export function withTimeLimit<T>(cli: Argv<T>) {
  return cli.option("time-limit", {
    type: "string",
    describe: "stop cleanly after this long, e.g. 6h; what is unfinished is resumed by the next run",
    coerce: (value: string | undefined) => (value === undefined ? undefined : durationSec("time-limit", value)),
  });
}

/** `--metrics-file`. */
export function withMetricsFile<T>(cli: Argv<T>) {
  return cli.option("metrics-file", {
    type: "string",
    describe: "write metrics of the run to this file, for Prometheus",
  });
}

/** Seconds of `90`, `90s`, `5m`, `2h` or `1d`. @throws {UsageError} */
export function durationSec(option: string, text: string): number {
  const match = /^(\d+)\s*(s|m|h|d|w|)$/.exec(text.trim());
  if (match === null)
    throw new UsageError(`--${option}: ${JSON.stringify(text)} is not a duration such as 90s, 5m, 2h or 1d`);
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[match[2] || "s"] ?? 1;
  return Number(match[1]) * unit;
}

/** A date, a time, or how long ago: `2026-11-21`, `2026-11-21T13:00Z`, `30d`; seconds since the epoch. @throws {UsageError} */
export function instantSec(option: string, text: string, nowMs: number): number {
  if (/^\d+\s*[smhdw]$/.test(text.trim())) return Math.floor(nowMs / 1000) - durationSec(option, text);
  const ms = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new UsageError(
      `--${option}: ${JSON.stringify(text)} is neither a time such as 2026-11-21T13:00Z nor an age such as 30d`,
    );
  return Math.floor(ms / 1000);
}

/** `100` or `20%`. @throws {UsageError} */
export function destroyLimit(text: string): DestroyLimit {
  try {
    return parseDestroyLimit(text);
  } catch (error) {
    if (error instanceof GrammarError) throw new UsageError(`--max-destroy ${error.message}`);
    throw error;
  }
}
