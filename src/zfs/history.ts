/**
 * A filesystem's versions for those who need the newest only: most filesystems have nothing new, and a million lines need not
 * be decoded to see it.
 */
import { compareVersions, type FilesystemVersion, isInOrder } from "./version.ts";

export interface History {
  /** All, in the order of `compareVersions`. */
  readonly versions: readonly FilesystemVersion[];
  /** In the same order. */
  readonly bookmarks: readonly FilesystemVersion[];
  /** The last of `versions`, so many, or all where there are fewer. */
  newest(count: number): readonly FilesystemVersion[];
}

/** A filesystem with its versions. */
export interface Versioned {
  /** In any order. */
  readonly versions: readonly FilesystemVersion[];
  /** Of the same versions; absent = nothing is spared by not asking for all. */
  readonly history?: History | undefined;
}

export function historyOf(filesystem: Versioned): History {
  if (filesystem.history !== undefined) return filesystem.history;
  const versions = inOrder(filesystem.versions);
  return {
    versions,
    get bookmarks() {
      return versions.filter(({ kind }) => kind === "bookmark");
    },
    newest: (count) => versions.slice(-count),
  };
}

export function inOrder(versions: readonly FilesystemVersion[]): readonly FilesystemVersion[] {
  return isInOrder(versions) ? versions : versions.toSorted(compareVersions);
}

/** Looks at the newest versions, at ever more of them until something is found. */
export function searchNewest<T>(
  filesystem: Versioned,
  look: (newest: readonly FilesystemVersion[]) => T | undefined,
): T | undefined {
  const history = historyOf(filesystem);
  for (let count = 1; ; count *= 8) {
    const newest = history.newest(count);
    const found = look(newest);
    if (found !== undefined || newest.length < count) return found;
  }
}

/** The last snapshot, in the order of `compareVersions`. */
export function newestSnapshot(filesystem: Versioned): FilesystemVersion | undefined {
  return searchNewest(filesystem, (newest) => newest.findLast(({ kind }) => kind === "snapshot"));
}
