/** The filters of the `abstraction` commands. Pure. */
import type { FilesystemFilter } from "../config/config.ts";
import { parseFilter } from "../config/grammar/filter.ts";
import { GrammarError } from "../config/grammar/grammar-error.ts";
import { UsageError } from "../errors.ts";
import { ABSTRACTION_TYPES, type AbstractionType } from "./inventory.ts";
import type { Judged } from "./judge.ts";

export interface AbstractionFilter {
  readonly filesystems: FilesystemFilter;
  /** Empty = all. */
  readonly jobs: readonly string[];
  readonly types: readonly AbstractionType[];
  /** Only of versions not younger than this. */
  readonly untilSec: number | undefined;
}

/** As zrepl, what names no job passes a filter of jobs. */
export function passes({ abstraction }: Judged, { jobs, types, untilSec }: AbstractionFilter): boolean {
  const { job, type, version } = abstraction;
  return (
    (jobs.length === 0 || job === undefined || jobs.includes(job)) &&
    (types.length === 0 || types.includes(type)) &&
    (untilSec === undefined || version.creationSec <= untilSec)
  );
}

/**
 * `--fs`: one filesystem, a subtree `tank/data<`, or as zrepl has it `PATTERN:ok,PATTERN:!`; undefined = all.
 * @throws {UsageError}
 */
export function parseFilesystems(text: string | undefined): FilesystemFilter {
  try {
    return parseFilter(new Map((text ?? "<").split(",").map(parseRule)));
  } catch (error) {
    if (error instanceof GrammarError) throw new UsageError(`--fs ${JSON.stringify(text)}: ${error.message}`);
    throw error;
  }
}

function parseRule(text: string): [pattern: string, included: boolean] {
  const [, pattern = text, verdict = "ok"] = /^(.*):(ok|!)$/.exec(text) ?? [];
  return [pattern, verdict === "ok"];
}

/** `--type T,T` @throws {UsageError} */
export function parseTypes(texts: readonly string[]): AbstractionType[] {
  return texts.flatMap((text) =>
    text.split(",").map((name) => {
      const type = ABSTRACTION_TYPES.find((known) => known === name);
      if (type === undefined)
        throw new UsageError(`--type: there is no ${JSON.stringify(name)}; types: ${ABSTRACTION_TYPES.join(", ")}`);
      return type;
    }),
  );
}
