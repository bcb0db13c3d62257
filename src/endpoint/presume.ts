/** What a receiver's listing suggests by itself, as long as nothing is to be done. Pure. */
import { newestSnapshot } from "../zfs/history.ts";
import type { FilesystemRecord } from "../zfs/listing-parser.ts";
import { sortByPath } from "../zfs/name.ts";
import { NO_HOLDS, type ObservedFilesystem, observed, type Sighting } from "./observe.ts";

/**
 * Takes the only hold on a filesystem's newest snapshot, where nothing else of it is held, for the one with this tag. That
 * is so wherever the sender's cursor is at this snapshot: the hold comes before the cursor moves (zrepl-behaviour.md §3.5),
 * and before the hold, the placeholder's mark goes. So a filesystem with snapshots counts as received, whatever mark it shows.
 * @returns sorted by name; undefined where other snapshots are held
 */
export function presumeReplicas({ wanted }: Sighting, tag: string): readonly ObservedFilesystem[] | undefined {
  const presumed: ObservedFilesystem[] = [];
  for (const record of wanted) {
    const holds = presumeHolds(record, tag);
    if (holds === undefined) return undefined;
    const isPlaceholder = record.placeholderValue !== undefined && newestSnapshot(record) === undefined;
    presumed.push(observed(record, isPlaceholder, holds));
  }
  return sortByPath(presumed, ({ name }) => name);
}

function presumeHolds(record: FilesystemRecord, tag: string): ObservedFilesystem["holds"] | undefined {
  const { heldSnapshots } = record;
  if (heldSnapshots.length === 0) return NO_HOLDS;
  const newest = newestSnapshot(record);
  if (heldSnapshots.length > 1 || newest?.name !== heldSnapshots[0] || newest?.userrefs !== 1) return undefined;
  return new Map([[newest.name, [tag]]]);
}
