/** Takes abstractions away, each only from the version that it was found on. */
import { destroyBookmarks } from "../zfs/bookmark.ts";
import { releaseSnapshots } from "../zfs/hold.ts";
import { identifyVersions } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { type Abstraction, fullName } from "./inventory.ts";

/** @returns those that are still there → why; what is gone counts as done */
export async function releaseAbstractions(
  runner: Runner,
  abstractions: readonly Abstraction[],
): Promise<Map<Abstraction, string>> {
  const failures = new Map<Abstraction, string>();
  const present = await identifyVersions(runner, [...new Set(abstractions.map(fullName))]);
  const same = abstractions.filter((abstraction) => {
    const guid = present.get(fullName(abstraction))?.guid;
    if (guid !== undefined && guid !== abstraction.version.guid)
      failures.set(abstraction, `another ${abstraction.version.kind} has this name now`);
    return guid === abstraction.version.guid;
  });
  for (const tag of new Set(same.flatMap((abstraction) => abstraction.tag ?? []))) {
    const held = same.filter((abstraction) => abstraction.tag === tag);
    const failed = await releaseSnapshots(runner, tag, held.map(fullName));
    for (const hold of held) {
      const error = failed.get(fullName(hold));
      if (error !== undefined) failures.set(hold, error.message);
    }
  }
  const bookmarks = same.filter(({ tag }) => tag === undefined);
  const remaining = await destroyBookmarks(runner, bookmarks.map(fullName));
  for (const bookmark of bookmarks) {
    const error = remaining.get(fullName(bookmark));
    if (error !== undefined) failures.set(bookmark, error.message);
  }
  return failures;
}
