/** The story of pruning: lock → observe → plan → show | execute → report, for each side by itself. */
import type { PullJob, PushJob, SinkJob, SnapJob, SourceJob } from "../config/config.ts";
import type { DestroyLimit } from "../config/pruning-config.ts";
import type { DestroyFailure, Endpoint, FilesystemState, SideListing } from "../endpoint/endpoint.ts";
import { type Endpoints, openEndpoints, openOwnSide } from "../endpoint/open.ts";
import { bySendersNames } from "../endpoint/stripped-name.ts";
import { FailedError, UsageError, ZreplRunError } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { count } from "../report/format.ts";
import { type BusyClients, withClientLocks } from "./client-locks.ts";
import { heldReason, LEFT_ALONE_HINT, leftAloneReason } from "./describe.ts";
import { countDestroys, exceedsLimit } from "./plan.ts";
import { showPlan } from "./show.ts";
import { destroyRequests, planOneSide, planSide, type Side, type SidePlan } from "./side-plan.ts";

export type { Side } from "./side-plan.ts";

export type PruneJob = SnapJob | PushJob | PullJob | SinkJob | SourceJob;

export interface PruneOptions {
  /** undefined = both. */
  readonly side?: Side | undefined;
  /** Filesystems may lose all their snapshots, whatever the config says. */
  readonly allowEmpty?: boolean;
  /** Instead of the config's. */
  readonly maxDestroy?: DestroyLimit | undefined;
}

/** Whether a job prunes at all: sink and source jobs may leave it to the other side. */
export function hasPruning(job: PruneJob): boolean {
  return job.pruning !== undefined;
}

/** Prunes one job under its lock; a sink also under those of its clients. */
export function prune(job: PruneJob, options: PruneOptions, invocation: Invocation): Promise<PhaseResult[]> {
  return withJobLock("job", job.name, invocation, () =>
    job.type === "sink"
      ? withClientLocks(job, invocation, async (busy) => [
          ...(await pruneLocked(job, options, invocation, busy)),
          ...reportBusy(job.name, busy, invocation),
        ])
      : pruneLocked(job, options, invocation),
  );
}

function reportBusy(job: string, busy: BusyClients, { reporter }: Invocation): PhaseResult[] {
  return [...busy].map(([client, { message, hint }]) => {
    const failure = { phase: "prune" as const, filesystem: client, message: `not pruned: ${message}`, temporary: true };
    reporter.emit({ event: "filesystemFailed", job, ...failure, ...(hint === undefined ? {} : { hint }) });
    return { matched: 1, done: 0, failed: 1 };
  });
}

/**
 * As `prune`, for a caller that holds the job's lock. Filesystems of `busy` clients are left out.
 * @throws {FailedError} when more than `max_destroy` would be destroyed; nothing is, then
 */
export async function pruneLocked(
  job: PruneJob,
  options: PruneOptions,
  invocation: Invocation,
  busy: BusyClients = new Map(),
): Promise<PhaseResult[]> {
  const warn = (message: string) => invocation.reporter.emit({ event: "log", level: "warn", job: job.name, message });
  if (job.type !== "push" && job.type !== "pull") {
    const plan = await planLocal(job, options, busy, invocation, warn);
    return finishAll(job, [plan], options, invocation);
  }
  const endpoints = await openEndpoints(job, { ...invocation, warn });
  try {
    const plans = await planBoth(job, options, endpoints, invocation);
    return await finishAll(job, plans, options, invocation);
  } finally {
    await endpoints.close();
  }
}

async function planLocal(
  job: SnapJob | SinkJob | SourceJob,
  options: PruneOptions,
  busy: BusyClients,
  invocation: Invocation,
  warn: (message: string) => void,
): Promise<SidePlan> {
  const { name, type, pruning } = job;
  if (pruning === undefined)
    throw new UsageError(`job ${JSON.stringify(name)} has no pruning: its other side prunes it`);
  const { endpoint } = openOwnSide(job, { runner: invocation.runner, warn });
  const { filesystems, problems } = await endpoint.list();
  const listing = { filesystems: filesystems.filter((state) => !busy.has(clientOf(state))), problems };
  return planOneSide({
    job: name,
    type,
    pruning: guarded(pruning, options),
    listing,
    endpoint,
    nowSec: now(invocation),
  });
}

/** Of a filesystem of a sink. */
function clientOf({ filesystem }: FilesystemState): string {
  return filesystem.split("/", 1)[0] ?? filesystem;
}

function guarded<T extends { readonly allowEmpty?: boolean }>(pruning: T, { allowEmpty }: PruneOptions): T {
  return allowEmpty === true ? { ...pruning, allowEmpty: true } : pruning;
}

function now({ nowMs }: Invocation): number {
  return Math.floor(nowMs() / 1000);
}

interface FailedSide {
  readonly side: Side;
  readonly error: ZreplRunError;
}

/** One side that can't be listed does not keep the other from being pruned. */
async function planBoth(
  job: PushJob | PullJob,
  options: PruneOptions,
  endpoints: Endpoints,
  invocation: Invocation,
): Promise<(SidePlan | FailedSide)[]> {
  const [sender, receiver] = await Promise.all([tryList(endpoints.sender), tryList(endpoints.receiver)]);
  invocation.interrupted.throwIfAborted();
  const received = receiver.listing && {
    ...receiver.listing,
    filesystems: bySendersNames(receiver.listing.filesystems, sender.listing?.filesystems ?? []),
  };
  const sides = (["sender", "receiver"] as const).filter((side) => options.side === undefined || options.side === side);
  return sides.map((side) => {
    // a receiver is pruned by what the sender has (§5.4); a sender needs to know of its receiver only where it has no cursor
    const error = sender.error ?? (side === "receiver" ? receiver.error : undefined);
    if (error !== undefined) return { side, error };
    return planSide(side, {
      job: job.name,
      pruning: guarded(job.pruning, options),
      listings: { sender: sender.listing, receiver: received },
      senderJob: endpoints.sender.job,
      endpoint: side === "sender" ? endpoints.sender : endpoints.receiver,
      nowSec: now(invocation),
    });
  });
}

async function tryList(
  endpoint: Endpoint,
): Promise<{ readonly listing?: SideListing; readonly error?: ZreplRunError }> {
  try {
    return { listing: await endpoint.list() };
  } catch (error) {
    if (error instanceof ZreplRunError) return { error };
    throw error;
  }
}

async function finishAll(
  job: PruneJob,
  plans: readonly (SidePlan | FailedSide)[],
  options: PruneOptions,
  invocation: Invocation,
): Promise<PhaseResult[]> {
  const limit = options.maxDestroy ?? job.pruning?.maxDestroy;
  const good = plans.filter((plan): plan is SidePlan => "plan" in plan);
  const tooMuch = limit === undefined ? [] : good.filter(({ plan }) => exceedsLimit(countDestroys(plan), limit));
  if (limit !== undefined && tooMuch.length > 0) {
    if (invocation.dryRun) for (const plan of good) await showPlan(plan, invocation);
    throw tooMuchError(tooMuch, limit);
  }
  const results: PhaseResult[] = [];
  for (const plan of plans)
    results.push("plan" in plan ? await finish(plan, invocation) : sideFailed(job.name, plan, invocation));
  return results;
}

function sideFailed(job: string, { side, error }: FailedSide, { reporter }: Invocation): PhaseResult {
  reporter.emit({ event: "log", level: "error", job, message: `cannot prune ${side}: ${error.message}` });
  return { matched: 0, done: 0, failed: 1 };
}

/** The list is in the message: whoever is told that too much would go wants to see what. */
function tooMuchError(plans: readonly SidePlan[], limit: DestroyLimit): FailedError {
  const allowed = "count" in limit ? String(limit.count) : `${limit.percent}%`;
  const lines = plans.flatMap(({ side, plan }) => {
    const { destroy, snapshots } = countDestroys(plan);
    const names = destroyRequests(plan).flatMap((request) =>
      request.snapshots.map(({ name }) => `  ${side}: ${request.filesystem}@${name}`),
    );
    return [
      `${destroy} of ${snapshots} snapshots on ${side} would be destroyed, max_destroy is ${allowed}; nothing was:`,
      ...names,
    ];
  });
  return new FailedError(lines.join("\n"), {
    hint: "look at prune --dry-run; to go on once: prune --max-destroy 100%",
  });
}

async function finish(sidePlan: SidePlan, invocation: Invocation): Promise<PhaseResult> {
  const { job, plan, problems } = sidePlan;
  for (const message of problems) invocation.reporter.emit({ event: "log", level: "error", job, message });
  const pruned = plan.filter((entry) => entry.outcome === "prune").length;
  if (invocation.dryRun) await showPlan(sidePlan, invocation);
  const leftAlone = reportLeftAlone(sidePlan, invocation);
  const result = { matched: plan.length, leftAlone };
  if (invocation.dryRun) return { ...result, done: pruned, failed: problems.length };
  const requests = destroyRequests(plan);
  const failures = requests.length === 0 ? [] : await sidePlan.endpoint.destroySnapshots(requests);
  const failed = reportFailures(sidePlan, failures, invocation);
  reportOutcome(sidePlan, failures, invocation);
  return { ...result, done: pruned - failed.size, failed: failed.size + problems.length };
}

/** @returns how many filesystems were left alone */
function reportLeftAlone({ job, side, plan }: SidePlan, { reporter }: Invocation): number {
  let number = 0;
  for (const entry of plan) {
    if (entry.outcome !== "leftAlone") continue;
    number++;
    const message = `on ${side} ${leftAloneReason(entry.snapshots.length)}`;
    const failure = { phase: "prune" as const, filesystem: entry.filesystem, message, hint: LEFT_ALONE_HINT };
    reporter.emit({ event: "filesystemFailed", job, ...failure, temporary: false });
  }
  return number;
}

/** @returns the filesystems on which something that should have gone could not be destroyed */
function reportFailures(
  { job, side }: SidePlan,
  failures: readonly DestroyFailure[],
  { reporter }: Invocation,
): Set<string> {
  const failed = new Set<string>();
  for (const { filesystem, snapshot, outcome, message } of failures) {
    const { name, guid } = snapshot;
    if (outcome === "failed") {
      failed.add(filesystem);
      const text = `@${name} on ${side} was not destroyed: ${message}`;
      reporter.emit({ event: "filesystemFailed", job, phase: "prune", filesystem, message: text, temporary: false });
    } else reporter.emit({ event: "snapshotKept", job, side, filesystem, name, guid, reason: message });
  }
  return failed;
}

function reportOutcome(
  { job, side, plan }: SidePlan,
  failures: readonly DestroyFailure[],
  { reporter }: Invocation,
): void {
  const kept = new Set(failures.map(({ filesystem, snapshot }) => `${filesystem}@${snapshot.name}`));
  let destroyed = 0;
  let held = kept.size;
  for (const entry of plan) {
    if (entry.outcome !== "prune") continue;
    const { filesystem } = entry;
    for (const { name, guid } of entry.destroy) {
      if (kept.has(`${filesystem}@${name}`)) continue;
      destroyed++;
      reporter.emit({ event: "snapshotDestroyed", job, side, filesystem, name, guid });
    }
    for (const { snapshot, tags } of entry.held) {
      held++;
      const reason = heldReason(snapshot, tags);
      reporter.emit({ event: "snapshotKept", job, side, filesystem, name: snapshot.name, guid: snapshot.guid, reason });
    }
  }
  const failed = new Set(failures.filter(({ outcome }) => outcome === "failed").map(({ filesystem }) => filesystem))
    .size;
  const done = plan.filter(({ outcome }) => outcome === "prune").length - failed;
  const summary = `pruned ${side}: destroyed ${count(destroyed, "snapshot")}${held === 0 ? "" : `, ${held} held or in use`}`;
  reporter.emit({ event: "phaseDone", job, phase: "prune", side, done, failed, summary });
}
