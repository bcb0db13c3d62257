/**
 * A snapshot or bookmark. The guid identifies it across pools and survives send, recv and bookmarking; the name can be
 * reused, so it is for display and for building commands only.
 */
export interface FilesystemVersion {
  readonly kind: "snapshot" | "bookmark";
  /** Part after `@` or `#`. */
  readonly name: string;
  /** uint64 as decimal text: it does not fit a JS number. Identity only. */
  readonly guid: string;
  /** Order inside one pool; never compared across pools. */
  readonly createtxg: bigint;
  /** Seconds since the Unix epoch. */
  readonly creationSec: number;
  /** Number of holds; 0 for bookmarks. */
  readonly userrefs: number;
}

/** `@name` or `#name`, as zfs and zrepl write it. */
export function relativeName(version: FilesystemVersion): string {
  return (version.kind === "snapshot" ? "@" : "#") + version.name;
}

/**
 * Order inside one pool: createtxg, and on a tie (several versions in one txg) bookmark before snapshot, then name, so
 * that the order never depends on the listing (zrepl-behaviour.md §4.4).
 */
export function compareVersions(a: FilesystemVersion, b: FilesystemVersion): number {
  if (a.createtxg !== b.createtxg) return a.createtxg < b.createtxg ? -1 : 1;
  if (a.kind !== b.kind) return a.kind === "bookmark" ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Whether `compareVersions` would leave them as they are, which listings nearly always are. */
export function isInOrder(versions: readonly FilesystemVersion[]): boolean {
  let before = versions[0];
  for (const version of versions) {
    if (before !== undefined && compareVersions(before, version) > 0) return false;
    before = version;
  }
  return true;
}
