/** What another invocation is at, in words. Pure. */
import { formatBytes, formatDuration } from "../report/format.ts";
import type { RunningStatus } from "../report/status-events.ts";

const PHASE_TEXT = {
  snapshot: "taking snapshots",
  replicate: "replicating",
  prune: "pruning",
  restore: "restoring",
} as const;

/** `replicating since 2m10s (pid 123), step 3 of 7, 41 % of tank/a @x`. */
export function describeRunning(status: RunningStatus, nowSec: number): string {
  const { phase, pid, sinceSec, steps, stepsDone, current } = status;
  const what = phase === undefined ? "running" : PHASE_TEXT[phase];
  const parts = [`${what} since ${formatDuration(nowSec - sinceSec)} (pid ${pid})`];
  if (phase === "replicate" && steps !== undefined && current.length > 0)
    parts.push(`step ${Math.min(steps, stepsDone + 1)} of ${steps}`);
  for (const { filesystem, to, bytes, totalBytes } of current) {
    const name = to === undefined ? filesystem : `${filesystem} ${to}`;
    parts.push(`${progress(bytes, totalBytes)} of ${name}`);
  }
  return parts.join(", ");
}

/** `41 %`, or the bytes where the total is unknown. */
export function progress(bytes: number, totalBytes: number | undefined): string {
  return totalBytes === undefined || totalBytes === 0
    ? formatBytes(bytes)
    : `${Math.min(100, Math.floor((bytes * 100) / totalBytes))} %`;
}
