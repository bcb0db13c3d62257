/** Thresholds over the status of a job: what is worth an alarm, and the numbers to draw. Pure. */
import type { Monitoring, Threshold } from "../config/config.ts";
import { count, formatDuration } from "../report/format.ts";
import type { CheckState, FilesystemStatus, Finding, Metric, SideName, SideStatus } from "../report/status-events.ts";
import type { JobSummary } from "./summarize.ts";

export interface Checked {
  readonly findings: readonly Finding[];
  readonly metrics: readonly Metric[];
}

export interface CheckOptions {
  readonly monitoring: Monitoring;
  /** Only this side; undefined = all that were seen. */
  readonly side: SideName | undefined;
  readonly nowSec: number;
}

const SIDES = ["sender", "receiver"] as const;

/** Findings are the alarms only; what is fine is in the metrics. */
export function checkJob({ job, filesystems }: JobSummary, options: CheckOptions): Checked {
  const unseen = job.problems.map((message): Finding => ({ state: "UNKNOWN", job: job.job, message }));
  const findings = filesystems.flatMap((status) =>
    checkFilesystem(status, options).map(
      ([state, message]): Finding => ({ state, job: job.job, filesystem: status.filesystem, message }),
    ),
  );
  if (filesystems.length === 0 && unseen.length === 0)
    findings.push({ state: "UNKNOWN", job: job.job, message: "there is no filesystem to look at" });
  if (options.monitoring.lagSec !== undefined && (job.type === "snap" || job.type === "sink"))
    findings.push({ state: "UNKNOWN", job: job.job, message: `a ${job.type} job does not know of any lag` });
  return { findings: [...unseen, ...findings], metrics: metricsOf(job.job, filesystems, options) };
}

type Alarm = readonly [CheckState, string];

function checkFilesystem(status: FilesystemStatus, options: CheckOptions): Alarm[] {
  const { lagSec, staleHoldSec } = options.monitoring;
  const { health, problem, lag, holds } = status;
  const alarms: (Alarm | undefined)[] = [];
  if (health === "failed") alarms.push(["CRITICAL", problem ?? "can't be replicated"]);
  if (health === "warning" && problem !== undefined) alarms.push(["WARNING", problem]);
  for (const side of SIDES) {
    const seen = status[side];
    if (seen !== undefined && isWanted(side, options)) alarms.push(...checkSide(side, seen, options));
  }
  if (options.side === "receiver" && status.receiver === undefined) alarms.push(["CRITICAL", "is not on the receiver"]);
  if (lagSec !== undefined && lag !== undefined && lag.snapshots > 0)
    alarms.push(
      lag.seconds === undefined
        ? ["CRITICAL", "was never replicated"]
        : exceeds(lag.seconds, lagSec, (text) => `replication lags by ${text}`),
    );
  if (staleHoldSec !== undefined)
    for (const { side, kind, isNeeded, creationSec, snapshot, tag } of holds)
      if (kind !== "other" && !isNeeded && isWanted(side, options) && options.nowSec - creationSec > staleHoldSec)
        alarms.push(["WARNING", `hold ${tag} is still on @${snapshot} (${side})`]);
  return alarms.filter((alarm) => alarm !== undefined);
}

function isWanted(side: SideName, options: CheckOptions): boolean {
  return options.side === undefined || options.side === side;
}

function checkSide(side: SideName, { newest, oldest, snapshots }: SideStatus, options: CheckOptions): Alarm[] {
  const { newestSec, oldestSec, count: countLimit } = options.monitoring;
  const age = (creationSec: number) => Math.max(0, options.nowSec - creationSec);
  const alarms: (Alarm | undefined)[] = [];
  if (newestSec !== undefined)
    alarms.push(
      newest === undefined
        ? ["CRITICAL", `has no snapshot on the ${side}`]
        : exceeds(age(newest.creationSec), newestSec, (text) => `newest snapshot on the ${side} is ${text} old`),
    );
  if (oldestSec !== undefined && oldest !== undefined)
    alarms.push(exceeds(age(oldest.creationSec), oldestSec, (text) => `oldest snapshot on the ${side} is ${text} old`));
  if (countLimit !== undefined)
    alarms.push(exceeds(snapshots, countLimit, () => `has ${count(snapshots, "snapshot")} on the ${side}`, String));
  return alarms.filter((alarm) => alarm !== undefined);
}

/** Reaching a threshold is fine, exceeding it is not. */
function exceeds(
  value: number,
  { warn, crit }: Threshold,
  message: (text: string) => string,
  format: (value: number) => string = formatDuration,
): Alarm | undefined {
  const because = (limit: number) => `${message(format(value))}, more than ${format(limit)}`;
  if (crit !== undefined && value > crit) return ["CRITICAL", because(crit)];
  if (warn !== undefined && value > warn) return ["WARNING", because(warn)];
  return undefined;
}

/** The worst of each kind over all filesystems: that is what thresholds are for. */
function metricsOf(
  job: string,
  filesystems: readonly FilesystemStatus[],
  { monitoring, side: only, nowSec }: CheckOptions,
): Metric[] {
  const metrics: Metric[] = [{ label: `${job} filesystems`, value: filesystems.length, unit: "" }];
  const add = (label: string, unit: Metric["unit"], values: readonly number[], threshold: Threshold | undefined) => {
    if (values.length > 0)
      metrics.push({ label: `${job} ${label}`, value: values.reduce((a, b) => Math.max(a, b)), unit, ...threshold });
  };
  for (const side of SIDES) {
    if (only !== undefined && only !== side) continue;
    const seen = filesystems.flatMap((status) => status[side] ?? []);
    const ages = (of: "newest" | "oldest") =>
      seen.flatMap((status) => (status[of] === undefined ? [] : [Math.max(0, nowSec - status[of].creationSec)]));
    add(`${side} newest`, "s", ages("newest"), monitoring.newestSec);
    add(`${side} oldest`, "s", ages("oldest"), monitoring.oldestSec);
    const numbers = seen.map(({ snapshots }) => snapshots);
    add(`${side} count`, "", numbers, monitoring.count);
  }
  const lags = filesystems.flatMap(({ lag }) => lag?.seconds ?? []);
  add("lag", "s", lags, monitoring.lagSec);
  return metrics;
}
