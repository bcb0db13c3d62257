/** The story of taking snapshots: lock → observe → due? → plan → show | execute → report. */
import type { FilesystemFilter, PushJob, SnapJob, SnapshotOptions, SourceJob } from "../config/config.ts";
import { missingPools } from "../endpoint/missing-pool.ts";
import type { ObservedFilesystem } from "../endpoint/observe.ts";
import { observeSelected } from "../endpoint/select.ts";
import { FailedError, NothingMatchedError } from "../errors.ts";
import { hookName } from "../hooks/build.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { count } from "../report/format.ts";
import { type DueDecision, isDue } from "./due.ts";
import { executeSnapshots, rehearseHooks } from "./execute.ts";
import { snapshotName } from "./name.ts";
import { planSnapshots, type SnapPlan } from "./plan.ts";
import { unchangedFilesystems } from "./unchanged.ts";

export type SnapshottingJob = SnapJob | PushJob | SourceJob;

export interface SnapOptions {
  /** Only if the interval or cron schedule says so. */
  readonly ifDue: boolean;
  /** How much too early a timer may fire, seconds. */
  readonly slackSec: number;
  /** In a dry run: run the hooks too, with ZREPL_DRYRUN=true. */
  readonly rehearseHooks?: boolean;
}

/**
 * Takes a job's snapshots under its snapshot lock.
 * @throws {NothingMatchedError} for a job with manual snapshotting
 */
export function snap(job: SnapshottingJob, options: SnapOptions, invocation: Invocation): Promise<PhaseResult> {
  return withJobLock("snap", job.name, invocation, () => snapLocked(job, options, invocation));
}

async function snapLocked(job: SnapshottingJob, options: SnapOptions, invocation: Invocation): Promise<PhaseResult> {
  const { reporter } = invocation;
  const { snapshotting } = job;
  if (snapshotting.type === "manual") {
    throw new NothingMatchedError(`job ${job.name}: snapshotting is manual, there is no snapshot to take`);
  }
  const nowSec = Math.floor(invocation.nowMs() / 1000);
  const { filesystems, problems } = await listFilesystems(job.filesystems, invocation);
  if (filesystems.length === 0 && problems.length > 0) throw new FailedError(problems.join("; "));
  for (const message of problems) reporter.emit({ event: "log", level: "error", job: job.name, message });
  const matched = filesystems.length;
  const due = options.ifDue ? isDue(snapshotting, withoutPlaceholders(filesystems), nowSec, options) : undefined;
  if (due !== undefined && !reportDue(job.name, due, invocation))
    return { matched, done: matched, failed: problems.length };
  const wanted = due?.outcome === "due" ? filesystems.filter(({ name }) => due.take.has(name)) : filesystems;
  const changed = await leaveOutUnchanged(job.name, wanted, snapshotting, invocation);
  const plan = planSnapshots(changed, snapshotName(snapshotting, nowSec), snapshotting.hooks);
  for (const hook of plan.idleHooks) {
    const message = `hook ${hookName(hook)} did not match any snapshotted filesystems`;
    if (changed.length === matched) reporter.emit({ event: "log", level: "warn", job: job.name, message });
  }
  if (invocation.dryRun) {
    const failed =
      show(job.name, plan, invocation) + (options.rehearseHooks ? await rehearseHooks(job.name, plan, invocation) : 0);
    return { matched, done: matched - failed, failed: failed + problems.length };
  }
  const { taken, failed } = await executeSnapshots(job.name, plan, snapshotting, invocation);
  const summary = `took ${count(taken, "snapshot")}${failed === 0 ? "" : `, ${failed} failed`}`;
  reporter.emit({ event: "phaseDone", job: job.name, phase: "snapshot", done: taken, failed, summary });
  return { matched, done: matched - failed, failed: failed + problems.length };
}

interface Listed extends Pick<ObservedFilesystem, "name" | "isPlaceholder" | "versions"> {
  readonly filesystem: string;
}

async function listFilesystems(
  filter: FilesystemFilter,
  { runner }: Invocation,
): Promise<{ readonly filesystems: readonly Listed[]; readonly problems: readonly string[] }> {
  const observed = await observeSelected(runner, filter);
  const filesystems = observed.filesystems.map((found) => ({
    ...{ filesystem: found.name, name: found.name, isPlaceholder: found.isPlaceholder },
    get versions() {
      return found.versions;
    },
  }));
  return { filesystems, problems: await missingPools(runner, observed.missingRoots) };
}

/** A placeholder never has a snapshot: it must not count as one that waits for its first. */
function withoutPlaceholders(filesystems: readonly Listed[]): Listed[] {
  return filesystems.filter(({ isPlaceholder }) => !isPlaceholder);
}

/** @returns whether a round is due @throws {FailedError} if that can't be told */
function reportDue(job: string, due: DueDecision, { reporter }: Invocation): boolean {
  for (const { filesystem, problem } of due.problems)
    reporter.emit({ event: "log", level: "warn", job, filesystem, message: problem });
  if (due.outcome === "error")
    throw new FailedError(due.reason, { hint: "if the clock is right now, take a round by hand: zrepl-run snap JOB" });
  if (due.outcome === "notDue")
    reporter.emit({ event: "log", level: "info", job, message: `no snapshots due: ${due.reason}` });
  return due.outcome === "due";
}

async function leaveOutUnchanged(
  job: string,
  filesystems: readonly Listed[],
  { skipUnchanged, prefix }: SnapshotOptions,
  { runner, reporter }: Invocation,
): Promise<readonly Listed[]> {
  if (skipUnchanged !== true) return filesystems;
  const unchanged = await unchangedFilesystems(runner, withoutPlaceholders(filesystems), prefix);
  for (const filesystem of unchanged)
    reporter.emit({
      event: "log",
      level: "info",
      job,
      filesystem,
      message: "no snapshot: nothing was written since the last one",
    });
  return filesystems.filter(({ name }) => !unchanged.has(name));
}

/** @returns how many would fail */
function show(job: string, plan: SnapPlan, { reporter }: Invocation): number {
  for (const { filesystem, problem: message } of plan.impossible)
    reporter.emit({ event: "filesystemFailed", job, phase: "snapshot", filesystem, message, temporary: false });
  const planned = [...plan.groups.flat(), ...plan.hooked];
  for (const { filesystem, name } of planned)
    if (reporter.wantsText)
      reporter.emit({
        event: "planText",
        job,
        text: `would take snapshot ${filesystem}@${name}${hooksText(filesystem, plan)}`,
      });
    else reporter.emit({ event: "plannedSnapshot", job, filesystem, name });
  return plan.impossible.length;
}

function hooksText(filesystem: string, { hooked }: SnapPlan): string {
  const hooks = hooked.find((snapshot) => snapshot.filesystem === filesystem)?.hooks ?? [];
  return hooks.length === 0 ? "" : ` inside ${hooks.length === 1 ? "hook" : "hooks"} ${hooks.map(hookName).join(", ")}`;
}
