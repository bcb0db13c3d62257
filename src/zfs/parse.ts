/** Readers of the zfs programs' machine output (`-Hp`: tab-separated, one line each; names may contain blanks). */
import { ParseError } from "./errors.ts";

export interface HoldRecord {
  /** `fs@name`. */
  readonly snapshot: string;
  readonly tag: string;
}

/** Reads `zfs holds -H SNAPSHOT…`: name, tag, time. */
export function parseHolds(stdout: string): HoldRecord[] {
  return lines(stdout).map((line) => {
    const [snapshot, tag, time] = line.split("\t");
    if (snapshot === undefined || tag === undefined || time === undefined) throw new ParseError("zfs holds", line);
    return { snapshot, tag };
  });
}

export interface PropertyRecord {
  readonly dataset: string;
  readonly property: string;
  readonly value: string;
  /** `local`, `default`, `inherited from x`, `temporary`, `received` or `-`. */
  readonly source: string;
}

/** Reads `zfs get -Hp -o name,property,value,source`. A value may be empty, or contain tabs. */
export function parseProperties(stdout: string): PropertyRecord[] {
  return lines(stdout).map((line) => {
    const fields = line.split("\t");
    const [dataset, property] = fields;
    const source = fields.at(-1);
    if (fields.length < 4 || dataset === undefined || property === undefined || source === undefined)
      throw new ParseError("zfs get", line);
    return { dataset, property, value: fields.slice(2, -1).join("\t"), source };
  });
}

/** Estimates at or above this are a known OpenZFS fault (zrepl issue 463) and mean "unknown". */
const ABSURD_ESTIMATE = 2n ** 63n - 1n;

/**
 * Reads the size line of `zfs send -nvP` (also among the lines of `zfs send -vP` on stderr):
 * `full\tTO\tSIZE`, `incremental\tFROM\tTO\tSIZE` or `size\tSIZE`. Bytes; undefined = unknown.
 */
export function parseSendEstimate(text: string): number | undefined {
  let estimate: number | undefined;
  for (const line of lines(text)) {
    const size = /^size\t(\d+)$/.exec(line)?.[1] ?? /^(?:full|incremental)\t.*@.*?\t(\d+)$/.exec(line)?.[1];
    if (size === undefined) continue;
    if (BigInt(size) >= ABSURD_ESTIMATE) return undefined;
    estimate = Number(size);
    if (line.startsWith("size\t")) return estimate;
  }
  return estimate;
}

/** Reads one progress line of `zfs send -vP`: `HH:MM:SS\tBYTES\tSNAPSHOT`. Bytes sent so far of that snapshot. */
export function parseSendProgress(line: string): { readonly bytes: number; readonly snapshot: string } | undefined {
  const match = /^\d\d:\d\d:\d\d\t(\d+)\t(.*)$/.exec(line);
  return match === null ? undefined : { bytes: Number(match[1]), snapshot: match[2] ?? "" };
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
