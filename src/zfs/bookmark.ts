import { asError } from "../errors.ts";
import { ProgramMissingError, ZfsCommandError } from "./errors.ts";
import { identifyVersions } from "./list.ts";
import type { Runner } from "./runner.ts";

/**
 * Bookmarks `from` (a snapshot, or a bookmark: OpenZFS ≥ 2.0) as `bookmark`; full names. Idempotent: a bookmark of that
 * name with `guid` counts as done.
 * @throws {ZfsCommandError} otherwise, also when the name is taken by another version
 */
export async function createBookmark(runner: Runner, from: string, bookmark: string, guid: string): Promise<void> {
  const argv = ["zfs", "bookmark", from, bookmark];
  const result = await runner.run(argv);
  if (result.exitCode === 0) return;
  const error = new ZfsCommandError(argv, result);
  if (error.reason === "exists") {
    const existing = await identifyVersions(runner, [bookmark]);
    if (existing.get(bookmark)?.guid === guid) return;
  }
  throw error;
}

/** Destroys a bookmark (full name); one that is gone counts as done. */
export async function destroyBookmark(runner: Runner, bookmark: string): Promise<void> {
  const argv = ["zfs", "destroy", bookmark];
  const result = await runner.run(argv);
  if (result.exitCode === 0) return;
  const error = new ZfsCommandError(argv, result);
  if (error.reason !== "does-not-exist") throw error;
}

/** Commands at the same time: each waits for a txg, and those that wait together share one. */
const MAX_AT_ONCE = 8;

/**
 * Destroys bookmarks (full names); those that are gone count as done. zfs takes one a command, and a channel program none:
 * xargs starts the commands for less than we can.
 * @returns the failures by bookmark
 */
export async function destroyBookmarks(runner: Runner, bookmarks: readonly string[]): Promise<Map<string, Error>> {
  const failures = new Map<string, Error>();
  if (bookmarks.length > 1 && (await destroyByXargs(runner, bookmarks))) return failures;
  const waiting = bookmarks.values();
  const work = async () => {
    for (const bookmark of waiting)
      await destroyBookmark(runner, bookmark).catch((error: unknown) => failures.set(bookmark, asError(error)));
  };
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
  return failures;
}

/** Whether all of it went well; what did not is told by doing it again, one by one. */
async function destroyByXargs(runner: Runner, bookmarks: readonly string[]): Promise<boolean> {
  const argv = ["xargs", "-0", "-n", "1", "-P", String(MAX_AT_ONCE), "zfs", "destroy"];
  try {
    return (await runner.run(argv, { input: bookmarks.map((bookmark) => `${bookmark}\0`).join("") })).exitCode === 0;
  } catch (error) {
    if (error instanceof ProgramMissingError) return false;
    throw error;
  }
}
