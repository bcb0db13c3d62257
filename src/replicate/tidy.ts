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
  const own = historyOf(sender)
    .bookmarks.filter((bookmark) => parseCursor(bookmark)?.job === job)
    .map(({ name }) => name);
  const expected = guarantee === "guarantee_nothing" ? [] : [cursorName(job, at.guid)];
  const held = [...sender.holds.values()].some((tags) => tags.includes(stepHoldTag(job)));
  return !held && own.length === expected.length && own.every((name) => expected.includes(name));
}

/** Whether the receiver's only last-received hold of this job is on `received` (none with guarantee_nothing). */
export function receiverIsTidy(
  receiver: FilesystemState,
  received: FilesystemVersion,
  guarantee: Guarantee,
  job: string,
): boolean {
  const tag = lastReceivedHoldTag(job);
  const held = [...receiver.holds].filter(([, tags]) => tags.includes(tag)).map(([name]) => name);
  const expected = guarantee === "guarantee_nothing" ? [] : [received.name];
  return !receiver.isPlaceholder && held.length === expected.length && held.every((name) => expected.includes(name));
}
