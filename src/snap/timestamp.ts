import { componentProblem } from "../zfs/name.ts";
import { isKnownLocation, zonedTime } from "../zone.ts";
import { formatGoLayout } from "./go-layout.ts";

/**
 * zrepl's named formats (§2.16); the `_000` of `dense` is literal text: Go takes only `.000` and `,000` as a
 * fraction.
 */
const NAMED_LAYOUTS: Readonly<Record<string, string>> = {
  dense: "20060102_150405_000",
  human: "2006-01-02_15:04:05",
  "iso-8601": "2006-01-02T15:04:05.000Z0700",
};
const UTC_ONLY = ["dense", "human", "unix-seconds"];

/** 2020-06-01 and 2020-12-01 UTC, which zrepl tries a format with: in most zones one has summer time, the other not. */
const SAMPLES_SEC = [1_590_969_600, 1_606_780_800];

/**
 * The timestamp part of a snapshot name (zrepl-behaviour.md §2.16).
 * @param format `dense`, `human`, `iso-8601`, `unix-seconds` (in any case), or a Go time layout
 * @param location IANA zone, `UTC` or `Local`
 * @param timeSec seconds since the epoch, may have a fraction
 */
export function formatTimestamp(format: string, location: string, timeSec: number): string {
  const name = format.toLowerCase();
  if (name === "unix-seconds") return String(Math.floor(timeSec));
  const layout = NAMED_LAYOUTS[name] ?? format;
  // `+` is illegal in snapshot names, and an offset is the only thing that can print one. zrepl replaces it only where the
  // zone's offset is positive at that moment and panics on `+0000`.
  return formatGoLayout(layout, zonedTime(timeSec, location)).replace("+", "_");
}

/** What is wrong with `timestamp_format` and `timestamp_location` together with `prefix`, or undefined. */
export function checkTimestampFormat(format: string, location: string, prefix: string): string | undefined {
  const problem = formatProblem(format, location);
  if (problem !== undefined) {
    return `invalid timestamp_format ${JSON.stringify(format)} or timestamp_location ${JSON.stringify(location)}: ${problem}`;
  }
  for (const timeSec of SAMPLES_SEC) {
    const name = prefix + formatTimestamp(format, location, timeSec);
    const nameProblem = componentProblem(name);
    if (nameProblem !== undefined) {
      return `prefix and timestamp_format would give the invalid snapshot name ${JSON.stringify(name)}: it ${nameProblem}`;
    }
  }
  return undefined;
}

function formatProblem(format: string, location: string): string | undefined {
  if (!isKnownLocation(location)) return "unknown time zone";
  if (format === "") return "the format is empty";
  if (format.includes("+")) return "character '+' is not allowed in ZFS snapshot names";
  const isUtc = location === "" || location === "UTC";
  if (!isUtc && UTC_ONLY.includes(format.toLowerCase())) return "format string requires UTC location";
  return undefined;
}
