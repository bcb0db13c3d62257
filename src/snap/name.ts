import type { Snapshotting } from "../config/config.ts";
import { formatTimestamp } from "./timestamp.ts";

/**
 * The part after `@` of a snapshot taken at `nowSec` (§6.1): prefix and timestamp.
 * @throws RangeError if the location is not known here; the config check finds that first
 */
export function snapshotName(snapshotting: Exclude<Snapshotting, { type: "manual" }>, nowSec: number): string {
  const { prefix, timestampFormat, timestampLocation } = snapshotting;
  return prefix + formatTimestamp(timestampFormat, timestampLocation, nowSec);
}
