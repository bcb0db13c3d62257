/** From what was seen of a job to what is said about it: filesystems worst first, and the job in a line. Pure. */
import type { Activity } from "../activity.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import { count, formatDuration } from "../report/format.ts";
import {
  type FilesystemStatus,
  HEALTHS,
  type Health,
  type JobStatus,
  type RunningStatus,
} from "../report/status-events.ts";
import { type Shared, summarizeFilesystem } from "./filesystem.ts";
import type { JobView } from "./observe.ts";
import { describeRunning } from "./running.ts";

export interface JobSummary {
  readonly job: JobStatus;
  /** Worst first; of the same health, what lags most. */
  readonly filesystems: readonly FilesystemStatus[];
  /** What it was made from; absent = nothing was seen. */
  readonly view?: JobView;
}

export function summarizeJob(view: JobView, nowSec: number): JobSummary {
  const running = view.running.map(runningStatus);
  const moving = new Set(running.flatMap(({ current }) => current.map(({ filesystem }) => filesystem)));
  const shared: Shared = { view, nowSec, moving, memo: new Map() };
  const receivers = byName(view.receiver?.filesystems);
  const plans = new Map(view.plan?.filesystems.map((plan) => [plan.filesystem, plan]));
  const own = view.sender ?? view.receiver;
  const filesystems = (own?.filesystems ?? [])
    .filter(({ isPlaceholder }) => !isPlaceholder)
    .map((state) => {
      const { filesystem } = state;
      const sides = { sender: view.sender && state, receiver: receivers.get(filesystem) };
      return summarizeFilesystem({ filesystem, ...sides, plan: plans.get(filesystem) }, shared);
    })
    .sort(compareStatus);
  return { job: jobStatus(view, filesystems, running, nowSec), filesystems, view };
}

/** A job of which nothing could be seen. */
export function failedJob(view: Pick<JobView, "job" | "running">, problem: string): JobSummary {
  const running = view.running.map(runningStatus);
  const { name, type } = view.job;
  const counts = countHealths([]);
  const job: JobStatus = {
    job: name,
    type,
    health: "failed",
    summary: "not seen",
    problems: [problem],
    running,
    counts,
  };
  return { job, filesystems: [] };
}

function byName(states: readonly FilesystemState[] | undefined): Map<string, FilesystemState> {
  return new Map(states?.map((state) => [state.filesystem, state]));
}

function compareStatus(a: FilesystemStatus, b: FilesystemStatus): number {
  return (
    HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health) ||
    (b.lag?.seconds ?? 0) - (a.lag?.seconds ?? 0) ||
    (b.lag?.snapshots ?? 0) - (a.lag?.snapshots ?? 0) ||
    (a.filesystem < b.filesystem ? -1 : 1)
  );
}

function runningStatus({ pid, command, sinceSec, phase, stepsDone, steps, running }: Activity): RunningStatus {
  return {
    pid,
    command,
    sinceSec,
    ...(phase === undefined ? {} : { phase }),
    stepsDone,
    ...(steps === undefined ? {} : { steps }),
    current: running.map(({ filesystem, to, bytes, totalBytes }) => ({
      filesystem,
      ...(to === undefined ? {} : { to }),
      bytes,
      ...(totalBytes === undefined ? {} : { totalBytes }),
    })),
  };
}

function jobStatus(
  { job, problems }: JobView,
  filesystems: readonly FilesystemStatus[],
  running: readonly RunningStatus[],
  nowSec: number,
): JobStatus {
  const counts = countHealths(filesystems);
  const worst = HEALTHS.find((health) => counts[health] > 0) ?? "ok";
  const health = problems.length > 0 || counts.total === 0 ? "failed" : worst;
  const dues = filesystems.flatMap(({ nextDueSec }) => nextDueSec ?? []);
  const nextDueSec = dues.length === 0 ? undefined : dues.reduce((a, b) => Math.min(a, b));
  const newest = filesystems.reduce(
    (max, { sender, receiver }) => Math.max(max, (sender ?? receiver)?.newest?.creationSec ?? -Infinity),
    -Infinity,
  );
  const parts = [
    describeCounts(counts),
    ...(newest === -Infinity ? [] : [`newest snapshot ${ago(newest, nowSec)}`]),
    ...(nextDueSec === undefined ? [] : [describeDue(nextDueSec, nowSec)]),
    ...running.map((status) => describeRunning(status, nowSec)),
  ];
  const due = nextDueSec === undefined ? {} : { nextDueSec };
  return { job: job.name, type: job.type, health, summary: parts.join("; "), problems, running, counts, ...due };
}

function countHealths(filesystems: readonly FilesystemStatus[]): JobStatus["counts"] {
  const counts = { failed: 0, warning: 0, unknown: 0, behind: 0, running: 0, ok: 0, total: filesystems.length };
  for (const { health } of filesystems) counts[health]++;
  return counts;
}

const HEALTH_TEXT: Readonly<Record<Health, string>> = {
  failed: "failed",
  warning: "to be looked at",
  unknown: "unknown",
  behind: "behind",
  running: "being sent",
  ok: "ok",
};

/** `1 failed, 2 behind, 117 ok of 120 filesystems`. */
function describeCounts(counts: JobStatus["counts"]): string {
  if (counts.total === 0) return "the filter matches no filesystem";
  const parts = HEALTHS.filter((health) => counts[health] > 0).map(
    (health) => `${counts[health]} ${HEALTH_TEXT[health]}`,
  );
  return `${parts.join(", ")} of ${count(counts.total, "filesystem")}`;
}

function describeDue(dueSec: number, nowSec: number): string {
  return dueSec <= nowSec ? "next snapshot due now" : `next snapshot due in ${formatDuration(dueSec - nowSec)}`;
}

/** `5m10s ago`. */
export function ago(sec: number, nowSec: number): string {
  return sec > nowSec ? `in ${formatDuration(sec - nowSec)}` : `${formatDuration(nowSec - sec)} ago`;
}
