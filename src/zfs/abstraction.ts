/**
 * zrepl's bookmarks and holds: their names, and how to recognise them (zrepl-behaviour.md §3.1, §3.3). A job's name is
 * part of each, so that jobs don't touch each other's.
 */
import { bookmarkNameProblem, componentProblem } from "./name.ts";
import type { FilesystemVersion } from "./version.ts";

const CURSOR = "zrepl_CURSOR";
// With the underscore before _G_ the names have two: that is how zrepl writes them, whatever its docs say.
const TENTATIVE_CURSOR = "zrepl_CURSORTENTATIVE_";
const STEP_HOLD = "zrepl_STEP_J_";
const LAST_RECEIVED_HOLD = "zrepl_last_received_J_";
const MAX_TAG_LENGTH = 255;

/** The bookmark that zrepl 0.0 to 0.2 had as cursor of whatever job; found, never made. */
export const V1_CURSOR = "zrepl_replication_cursor";

/** User property that marks a filesystem which exists only to make its children possible (§3.8). */
export const PLACEHOLDER_PROPERTY = "zrepl:placeholder";

export type CursorKind = "cursor" | "tentative";

export interface CursorBookmark {
  readonly kind: CursorKind;
  readonly job: string;
}

/** The cursor's bookmark name, e.g. `zrepl_CURSOR_G_00000000deadbeef_J_prod`. `guid` is decimal text. */
export function cursorName(job: string, guid: string): string {
  return `${CURSOR}_G_${hexGuid(guid)}_J_${job}`;
}

/** The tentative cursor's bookmark name. `guid` is decimal text. */
export function tentativeCursorName(job: string, guid: string): string {
  return `${TENTATIVE_CURSOR}_G_${hexGuid(guid)}_J_${job}`;
}

/** Hold tag on the sender's `from` and `to` while a step is under way. */
export function stepHoldTag(job: string): string {
  return STEP_HOLD + job;
}

/** Hold tag on the receiver's newest received snapshot. */
export function lastReceivedHoldTag(job: string): string {
  return LAST_RECEIVED_HOLD + job;
}

/** The job of a step hold's tag, or undefined for any other tag. */
export function stepHoldJob(tag: string): string | undefined {
  return jobAfter(STEP_HOLD, tag);
}

/** The job of a last-received hold's tag, or undefined for any other tag. */
export function lastReceivedHoldJob(tag: string): string | undefined {
  return jobAfter(LAST_RECEIVED_HOLD, tag);
}

/**
 * What a bookmark is to zrepl, or undefined. A bookmark whose name carries another guid than its own has been tampered
 * with and is nobody's (§3.3).
 */
export function parseCursor(bookmark: FilesystemVersion): CursorBookmark | undefined {
  if (bookmark.kind !== "bookmark") return undefined;
  const match = /^(.+)_G_([0-9a-f]{16})_J_(.+)$/.exec(bookmark.name);
  if (match === null) return undefined;
  const [, prefix, guid = "", job = ""] = match;
  if (prefix !== CURSOR && prefix !== TENTATIVE_CURSOR) return undefined;
  if (jobNameProblem(job) !== undefined || guid !== hexGuid(bookmark.guid)) return undefined;
  return { kind: prefix === CURSOR ? "cursor" : "tentative", job };
}

/** Why a job can't have this name (§3.1), or undefined. */
export function jobNameProblem(job: string): string | undefined {
  const problem = componentProblem(job);
  if (problem !== undefined) return problem;
  const longest = `pool/ds#${tentativeCursorName(job, "0")}`;
  if (bookmarkNameProblem(longest) !== undefined || lastReceivedHoldTag(job).length > MAX_TAG_LENGTH)
    return "is too long to be part of a bookmark's name";
  return undefined;
}

function jobAfter(prefix: string, tag: string): string | undefined {
  if (!tag.startsWith(prefix)) return undefined;
  const job = tag.slice(prefix.length);
  return jobNameProblem(job) === undefined ? job : undefined;
}

function hexGuid(guid: string): string {
  return BigInt(guid).toString(16).padStart(16, "0");
}
