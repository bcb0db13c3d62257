/** Whether a filesystem with nothing to send is as a finished step leaves it (zrepl-behaviour.md §3.5). */
import type { Guarantee } from "../config/config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { cursorName, lastReceivedHoldTag, parseCursor, stepHoldTag } from "../zfs/abstraction.ts";
import { historyOf } from "../zfs/history.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

/** Whether the sender has exactly one abstraction of this job: the cursor at `at` (none with guarantee_nothing). */
export function senderIsTidy(
  sender: FilesystemState,
  at: FilesystemVersion,
  guarantee: Guarantee,
  job: string,
): boolean {
  if (held(sender, stepHoldTag(job)).length > 0) return false;
  const own = historyOf(sender).bookmarks.filter((bookmark) => parseCursor(bookmark)?.job === job);
  if (guarantee === "guarantee_nothing") return own.length === 0;
  return own.length === 1 && own[0]?.name === cursorName(job, at.guid);
}

/** Whether the receiver's only last-received hold of this job is on `received` (none with guarantee_nothing). */
export function receiverIsTidy(
  receiver: FilesystemState,
  received: FilesystemVersion,
  guarantee: Guarantee,
  job: string,
): boolean {
  if (receiver.isPlaceholder) return false;
  const own = held(receiver, lastReceivedHoldTag(job));
  if (guarantee === "guarantee_nothing") return own.length === 0;
  return own.length === 1 && own[0] === received.name;
}

/** Names of the snapshots with this tag. */
function held({ holds }: FilesystemState, tag: string): string[] {
  const names: string[] = [];
  for (const [name, tags] of holds) if (tags.includes(tag)) names.push(name);
  return names;
}
