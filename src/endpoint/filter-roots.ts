import type { FilesystemFilter } from "../config/config.ts";
import type { ListingRequest } from "../zfs/argv.ts";
import { isBelow } from "../zfs/name.ts";

/**
 * The smallest listing that shows everything a filter can match. With exact patterns only, the children's versions need
 * not be listed (`-d 1` shows the roots' own versions).
 */
export function listingFor(filter: FilesystemFilter): ListingRequest {
  const included = [...filter.rules].filter(([, include]) => include).map(([pattern]) => pattern);
  const paths = included.map((pattern) => (pattern.endsWith("<") ? pattern.slice(0, -1) : pattern));
  if (paths.includes("")) return { roots: [] };
  const roots = paths.filter((path) => !paths.some((other) => isBelow(path, other)));
  const exactOnly = roots.length === paths.length && included.every((pattern) => !pattern.endsWith("<"));
  return { roots: [...new Set(roots)].sort(), ...(exactOnly ? { depth: 1 } : {}) };
}
