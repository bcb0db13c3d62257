/** The status for a pipe, a mail or a screen reader: sentences, no picture, no columns. Pure. */
import { count, formatDuration } from "../report/format.ts";
import type { FilesystemStatus } from "../report/status-events.ts";
import type { JobSummary } from "./summarize.ts";
import { clean, detailLines, jobLine, lagText, newestText, replicatedText } from "./words.ts";

export interface PlainOptions {
  readonly nowSec: number;
  /** Without the filesystems that are fine. */
  readonly quiet: boolean;
}

export function renderPlain({ job, filesystems }: JobSummary, options: PlainOptions): string[] {
  const shown = filesystems.filter(({ health }) => !options.quiet || health !== "ok");
  return [
    jobLine(job),
    ...job.problems.map((problem) => `problem: ${clean(problem)}`),
    ...shown.flatMap((status) => filesystemLines(status, options.nowSec)),
  ];
}

function filesystemLines(status: FilesystemStatus, nowSec: number): string[] {
  const { filesystem, health, sender, receiver, nextDueSec } = status;
  const replicated = replicatedText(status, nowSec);
  const lag = lagText(status);
  const parts = [
    `${health}`,
    `newest snapshot ${newestText(status, nowSec)}`,
    ...(replicated === "" ? [] : [replicated === "never" ? "never replicated" : `replicated up to ${replicated}`]),
    ...(lag === "" ? [] : [`${lag} behind`]),
    ...(sender === undefined ? [] : [`${count(sender.snapshots, "snapshot")} on the sender`]),
    ...(receiver === undefined ? [] : [`${count(receiver.snapshots, "snapshot")} on the receiver`]),
    ...(nextDueSec === undefined
      ? []
      : [nextDueSec <= nowSec ? "next due now" : `next due in ${formatDuration(nextDueSec - nowSec)}`]),
    daysText(status),
  ];
  return [`${clean(filesystem)}: ${parts.join("; ")}`, ...detailLines(status).map((line) => `  ${line}`)];
}

/** `snapshots on 12 of the last 30 days, 2 of them only on the sender`. */
function daysText({ days, sender, receiver }: FilesystemStatus): string {
  const number = (letter: string) => days.split(letter).length - 1;
  const [both, senderOnly, receiverOnly] = [number("b"), number("s"), number("r")];
  const text = `snapshots on ${both + senderOnly + receiverOnly} of the last ${days.length} days`;
  if (sender === undefined || receiver === undefined) return text;
  const only = [
    ...(senderOnly === 0 ? [] : [`${senderOnly} only on the sender`]),
    ...(receiverOnly === 0 ? [] : [`${receiverOnly} only on the receiver`]),
  ];
  return only.length === 0 ? text : `${text}, of them ${only.join(" and ")}`;
}
