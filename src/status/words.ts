/** The status of a filesystem in words, for every renderer. Pure. */
import { count, formatBytes, formatDuration } from "../report/format.ts";
import type { FilesystemStatus, JobStatus } from "../report/status-events.ts";
import { progress } from "./running.ts";
import { ago } from "./summarize.ts";

/** Names and messages may come from another host: nothing in them may move a cursor. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
}

/** `5m10s ago`, of the newest snapshot of the side that the job is about. */
export function newestText({ sender, receiver }: FilesystemStatus, nowSec: number): string {
  const newest = (sender ?? receiver)?.newest;
  return newest === undefined ? "none" : ago(newest.creationSec, nowSec);
}

/** Of jobs that replicate: when what the receiver has was taken. */
export function replicatedText({ replicated, sender, lag }: FilesystemStatus, nowSec: number): string {
  if (sender === undefined || (replicated === undefined && lag === undefined)) return "";
  return replicated === undefined ? "never" : ago(replicated.creationSec, nowSec);
}

/** `12 snapshots, 2d00h, about 1.2 GiB`; empty = nothing to send. */
export function lagText({ lag }: FilesystemStatus): string {
  if (lag === undefined || lag.snapshots === 0) return "";
  const time = lag.seconds === undefined ? [] : [formatDuration(lag.seconds)];
  const bytes = lag.bytes === undefined ? [] : [`about ${formatBytes(lag.bytes)}`];
  return [count(lag.snapshots, "snapshot"), ...time, ...bytes].join(", ");
}

/** The same for a column: `12 snaps, 2d00h, ~1.2 GiB`. */
export function shortLagText(status: FilesystemStatus): string {
  return lagText(status)
    .replace(/ snapshots?/, status.lag?.snapshots === 1 ? " snap" : " snaps")
    .replace("about ", "~");
}

/** `20/18`: on the sender, on the receiver; one number of a job with one side. */
export function snapshotsText({ sender, receiver, replicated }: FilesystemStatus): string {
  const numbers = [sender, receiver].flatMap((side) => (side === undefined ? [] : [String(side.snapshots)]));
  return numbers.length === 1 && sender !== undefined && replicated?.by === "receiver"
    ? `${numbers[0]}/0`
    : numbers.join("/");
}

export function interruptedText({ interrupted }: FilesystemStatus): string | undefined {
  if (interrupted === undefined) return undefined;
  const { to, bytes, totalBytes, deadReason } = interrupted;
  const what = to === undefined ? "a transfer" : `the transfer of @${to}`;
  const done = totalBytes === undefined ? "" : ` (${progress(bytes, totalBytes)} of ${formatBytes(totalBytes)})`;
  const then = deadReason === undefined ? "the next run resumes it" : "it can't be resumed";
  return `${what} was interrupted after ${formatBytes(bytes)}${done}; ${then}`;
}

export function holdsText({ holds }: FilesystemStatus): string | undefined {
  const unusual = holds.filter(({ isNeeded }) => !isNeeded);
  if (unusual.length === 0) return undefined;
  const shown = unusual.slice(0, 3).map(({ side, snapshot, tag }) => `${tag} on @${snapshot} (${side})`);
  const more = unusual.length > 3 ? ` and ${unusual.length - 3} more` : "";
  return `${unusual.length === 1 ? "hold" : "holds"}: ${shown.join(", ")}${more}`;
}

/** Lines below a filesystem: the problem first, then what belongs to it. */
export function detailLines(status: FilesystemStatus): string[] {
  const lines = [status.problem, ...status.explanation, interruptedText(status), holdsText(status)];
  return lines.flatMap((line) => (line === undefined ? [] : [clean(line)]));
}

/** `home (push): 1 failed, 2 ok of 3 filesystems; …` */
export function jobLine({ job, type, summary }: JobStatus): string {
  return clean(`${job} (${type}): ${summary}`);
}
