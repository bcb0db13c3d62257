import { ZfsCommandError } from "./errors.ts";
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
