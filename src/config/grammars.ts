import { parseMysqlDsn } from "../hooks/mysql-dsn.ts";
import { parsePostgresDsn } from "../hooks/postgres-dsn.ts";
import { CronSyntaxError, parseCron } from "../snap/cron-schedule.ts";
import { jobNameProblem } from "../zfs/abstraction.ts";
import { filesystemNameProblem } from "../zfs/name.ts";
import { isKnownLocation } from "../zone.ts";
import type { FormattedText } from "./coerce.ts";
import { identityProblem } from "./grammar/client-map.ts";
import { parseDestroyLimit } from "./grammar/destroy-limit.ts";
import { dsnProblem } from "./grammar/dsn.ts";
import {
  parseGoDuration,
  parsePositiveDuration,
  parsePositiveDurationOrManual,
  parsePositiveGoDuration,
} from "./grammar/duration.ts";
import { filterPatternProblem } from "./grammar/filter.ts";
import { grammarProblem } from "./grammar/grammar-error.ts";
import { parseGrid } from "./grammar/grid.ts";
import { parseHostPort } from "./grammar/host-port.ts";
import type { PatternCompiler } from "./grammar/pattern.ts";
import { propertyNameProblem, userPropertyNameProblem } from "./grammar/property.ts";
import { parseBandwidth, parseBucketSize } from "./grammar/size.ts";
import type { SourceFile } from "./source.ts";

type Check = (text: string, compile: PatternCompiler) => string | undefined;

/** The `format`s of the schema: each says what is wrong with a text, or undefined. */
const FORMATS: Readonly<Record<string, Check>> = {
  "go-duration": parsed(parseGoDuration),
  "positive-go-duration": parsed(parsePositiveGoDuration),
  "positive-duration": parsed(parsePositiveDuration),
  "interval-or-manual": parsed(parsePositiveDurationOrManual),
  bandwidth: parsed(parseBandwidth),
  "bucket-size": parsed(parseBucketSize),
  grid: parsed(parseGrid),
  cron: cronFault,
  "host-port": parsed(parseHostPort),
  re2: (text, compile) => grammarProblem(compile, text),
  "filesystem-pattern": filterPatternProblem,
  "property-name": propertyNameProblem,
  "user-property": userPropertyNameProblem,
  "destroy-limit": parsed(parseDestroyLimit),
  "postgres-dsn": (text) => dsnProblem(parsePostgresDsn, text),
  "mysql-dsn": (text) => dsnProblem(parseMysqlDsn, text),
  identity: identityProblem,
  filesystem: (text) => described("filesystem name", filesystemNameProblem(text)),
  "job-name": jobNameFault,
  "http-url": httpUrlFault,
  "absolute-path": (text) => (text.startsWith("/") ? undefined : `is ${JSON.stringify(text)}; must start with /`),
};

/** The text itself is not shown: such URLs are secrets. */
function httpUrlFault(text: string): string | undefined {
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  return isUrl ? undefined : "is no http:// or https:// URL";
}

function parsed(parse: (text: string) => unknown): Check {
  return (text) => grammarProblem(parse, text);
}

function described(what: string, problem: string | undefined): string | undefined {
  return problem && `${what} ${problem}`;
}

function jobNameFault(name: string): string | undefined {
  if (name.startsWith("_")) return `job name ${JSON.stringify(name)} is reserved for internal use (starts with _)`;
  return described("job name", jobNameProblem(name));
}

/** Not by `cronProblem` of src/snap/cron.ts, which would load the cron library. */
function cronFault(text: string): string | undefined {
  try {
    const { location } = parseCron(text);
    return location === undefined || isKnownLocation(location) ? undefined : `unknown time zone ${location}`;
  } catch (error) {
    if (error instanceof CronSyntaxError)
      return `is ${JSON.stringify(text)}: ${error.message}; must be like "0 4 * * *"`;
    throw error;
  }
}

/** Reports every text that does not follow the grammar that the schema demands. */
export function checkGrammars(texts: readonly FormattedText[], compile: PatternCompiler, source: SourceFile): void {
  for (const { pointer, format, text } of texts) {
    const check = FORMATS[format];
    if (check === undefined) throw new Error(`the schema names an unknown format ${format}`);
    const problem = check(text, compile);
    if (problem !== undefined) source.problem(pointer, problem);
  }
}
