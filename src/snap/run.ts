/** The story of taking snapshots: lock → observe → due? → plan → show | execute → report. */
import type { FilesystemFilter, PushJob, SnapJob, SourceJob } from "../config/config.ts";
import { observe } from "../endpoint/observe.ts";
import { FailedError } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { count } from "../report/format.ts";
import { chunkArguments } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { takeSnapshots } from "../zfs/snapshot.ts";
import { isDue } from "./due.ts";
import { snapshotName } from "./name.ts";
import { type PlannedSnapshot, planSnapshots, type SnapPlan } from "./plan.ts";
import { listingFor } from "../endpoint/filter-roots.ts";
import { missingPools } from "../endpoint/missing-pool.ts";

export type SnapshottingJob = SnapJob | PushJob | SourceJob;

export interface SnapOptions {
  /** Only if the interval or cron schedule says so. */
  readonly ifDue: boolean;
  /** How much too early a timer may fire, seconds. */
  readonly slackSec: number;
}

/** Takes a job's snapshots under its snapshot lock. A job with manual snapshotting has none to take: matched is 0. */
export function snap(job: SnapshottingJob, options: SnapOptions, invocation: Invocation): Promise<PhaseResult> {
  return withJobLock("snap", job.name, invocation, () => snapLocked(job, options, invocation));
}

async function snapLocked(job: SnapshottingJob, options: SnapOptions, invocation: Invocation): Promise<PhaseResult> {
  const { reporter } = invocation;
  if (job.snapshotting.type === "manual") {
    reporter.emit({ event: "log", level: "info", job: job.name, message: "snapshotting is manual: none taken" });
    return { matched: 0, done: 0, failed: 0 };
  }
  const nowSec = Math.floor(invocation.nowMs() / 1000);
  const { filesystems, problems } = await listFilesystems(job.filesystems, invocation);
  for (const message of problems) reporter.emit({ event: "log", level: "error", job: job.name, message });
  if (filesystems.length === 0 && problems.length > 0) throw new FailedError(problems.join("; "));
  const due = isDue(job.snapshotting, filesystems, nowSec, { slackSec: options.slackSec });
  if (options.ifDue && due.outcome !== "due") {
    if (due.outcome === "error") throw new FailedError(due.reason);
    reporter.emit({ event: "log", level: "info", job: job.name, message: `no snapshots due: ${due.reason}` });
    return { matched: filesystems.length, done: filesystems.length, failed: problems.length };
  }
  const plan = planSnapshots(filesystems, snapshotName(job.snapshotting, nowSec));
  const matched = filesystems.length;
  if (invocation.dryRun) {
    show(job.name, plan, invocation);
    return { matched, done: matched - plan.impossible.length, failed: plan.impossible.length + problems.length };
  }
  const { taken, failed } = await execute(job.name, plan, invocation);
  const summary = `took ${count(taken, "snapshot")}${failed === 0 ? "" : `, ${failed} failed`}`;
  reporter.emit({ event: "phaseDone", job: job.name, phase: "snapshot", done: taken, failed, summary });
  return { matched, done: taken + plan.placeholders.length, failed: failed + problems.length };
}

async function listFilesystems(filter: FilesystemFilter, { runner }: Invocation) {
  const observed = await observe(runner, listingFor(filter), (name) => filter.match(name));
  const filesystems = observed.filesystems.map((filesystem) => ({ ...filesystem, filesystem: filesystem.name }));
  return { filesystems, problems: await missingPools(runner, observed.missingRoots) };
}

function show(job: string, plan: SnapPlan, { reporter }: Invocation): void {
  for (const { filesystem, problem } of plan.impossible)
    reporter.emit({ event: "filesystemFailed", job, phase: "snapshot", filesystem, message: problem, temporary: false });
  for (const { filesystem, name } of plan.groups.flat())
    if (reporter.wantsText) reporter.emit({ event: "planText", job, text: `would take snapshot ${filesystem}@${name}` });
    else reporter.emit({ event: "plannedSnapshot", job, filesystem, name });
}

async function execute(job: string, plan: SnapPlan, invocation: Invocation): Promise<{ taken: number; failed: number }> {
  const { reporter } = invocation;
  const failures = [...plan.impossible.map(({ filesystem, problem }) => ({ filesystem, message: problem }))];
  let taken = 0;
  for (const group of plan.groups) {
    const { done, failed } = await takeGroup(group, invocation);
    taken += done.length;
    failures.push(...failed);
    for (const { filesystem, name } of done) reporter.emit({ event: "snapshotTaken", job, filesystem, name });
  }
  for (const { filesystem, message } of failures)
    reporter.emit({ event: "filesystemFailed", job, phase: "snapshot", filesystem, message, temporary: false });
  return { taken, failed: failures.length };
}

interface GroupResult {
  readonly done: PlannedSnapshot[];
  readonly failed: { filesystem: string; message: string }[];
}

/** All of a group at once; if zfs refuses, one by one, so that one bad filesystem does not cost the others' snapshots. */
async function takeGroup(group: readonly PlannedSnapshot[], { runner, interrupted }: Invocation): Promise<GroupResult> {
  const result: GroupResult = { done: [], failed: [] };
  const byName = new Map(group.map((snapshot) => [`${snapshot.filesystem}@${snapshot.name}`, snapshot]));
  const attempt = async (names: readonly string[]) => {
    try {
      await takeSnapshots(runner, names);
      result.done.push(...names.flatMap((name) => byName.get(name) ?? []));
      return undefined;
    } catch (error) {
      interrupted.throwIfAborted();
      if (error instanceof ZfsCommandError) return error;
      throw error;
    }
  };
  for (const chunk of chunkArguments([...byName.keys()])) {
    const error = await attempt(chunk);
    if (error === undefined) continue;
    for (const name of chunk) {
      const single = chunk.length === 1 ? error : await attempt([name]);
      if (single !== undefined) result.failed.push({ filesystem: byName.get(name)?.filesystem ?? name, message: single.message });
    }
  }
  return result;
}
