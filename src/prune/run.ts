/** The story of pruning: lock → observe → plan → show | execute → report, for each side by itself. */
import type { KeepRule, PullJob, PushJob, SendOptions, SnapJob } from "../config/config.ts";
import type { DestroyFailure, Endpoint, FilesystemState, SideListing } from "../endpoint/endpoint.ts";
import { LocalSender } from "../endpoint/local-sender.ts";
import { type Endpoints, openEndpoints } from "../endpoint/open.ts";
import { ZreplRunError } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { count } from "../report/format.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { cursorGuid, protectedOnReceiver, protectedOnSender } from "./base.ts";
import { describePrunePlan } from "./describe.ts";
import { planPrune, type PruneFilesystem, type PrunePlan } from "./plan.ts";

export type PruneJob = SnapJob | PushJob | PullJob;
export type Side = "sender" | "receiver";

export interface PruneOptions {
  /** undefined = both. */
  readonly side?: Side | undefined;
}

/** Prunes one job under its lock. */
export function prune(job: PruneJob, options: PruneOptions, invocation: Invocation): Promise<PhaseResult[]> {
  return withJobLock("job", job.name, invocation, () => pruneLocked(job, options, invocation));
}

/** As `prune`, for a caller that holds the job's lock. */
export async function pruneLocked(job: PruneJob, options: PruneOptions, invocation: Invocation): Promise<PhaseResult[]> {
  const warn = (message: string) => invocation.reporter.emit({ event: "log", level: "warn", job: job.name, message });
  if (job.type === "snap") return [await pruneLocal(job, invocation, warn)];
  const endpoints = await openEndpoints(job, { ...invocation, warn });
  try {
    return await pruneSides(job, options, endpoints, invocation);
  } finally {
    await endpoints.close();
  }
}

const NOT_SENT: SendOptions = {
  encrypted: false,
  raw: false,
  sendProperties: false,
  backupProperties: false,
  largeBlocks: false,
  compressed: false,
  embeddedData: false,
  saved: false,
};

async function pruneLocal(job: SnapJob, invocation: Invocation, warn: (message: string) => void): Promise<PhaseResult> {
  const endpoint = new LocalSender({ runner: invocation.runner, job: job.name, filter: job.filesystems, send: NOT_SENT, warn });
  const listing = await endpoint.list();
  const filesystems = listing.filesystems.map((state) => observed(state, undefined, true));
  const plan = planPrune({ filesystems, rules: job.pruning.keep, side: "local", protectedGuids: new Map() });
  return finish({ job: job.name, side: "local", endpoint, plan, problems: listing.problems }, invocation);
}

/** One side that can't be listed does not keep the other from being pruned. */
async function pruneSides(job: PushJob | PullJob, options: PruneOptions, endpoints: Endpoints, invocation: Invocation): Promise<PhaseResult[]> {
  const [sender, receiver] = await Promise.all([tryList(endpoints.sender), tryList(endpoints.receiver)]);
  invocation.interrupted.throwIfAborted();
  const results: PhaseResult[] = [];
  for (const side of ["sender", "receiver"] as const) {
    if (options.side !== undefined && options.side !== side) continue;
    // a receiver is pruned by what the sender has (§5.4); a sender needs to know of its receiver only where it has no cursor
    const error = sender.error ?? (side === "receiver" ? receiver.error : undefined);
    if (error !== undefined) results.push(sideFailed(job.name, side, error, invocation));
    else results.push(await pruneSide(job, side, { sender: sender.listing, receiver: receiver.listing }, endpoints, invocation));
  }
  return results;
}

interface Listings {
  readonly sender: SideListing | undefined;
  readonly receiver: SideListing | undefined;
}

async function pruneSide(
  job: PushJob | PullJob,
  side: Side,
  listings: Listings,
  endpoints: Endpoints,
  invocation: Invocation,
): Promise<PhaseResult> {
  const senders = new Map((listings.sender?.filesystems ?? []).map((state) => [state.filesystem, state]));
  const receivers = new Map((listings.receiver?.filesystems ?? []).map((state) => [state.filesystem, state]));
  const onSide = side === "sender" ? listings.sender : listings.receiver;
  const rules: readonly KeepRule[] = side === "sender" ? job.pruning.keepSender : job.pruning.keepReceiver;
  const protectedGuids = new Map<string, string>();
  const filesystems: PruneFilesystem[] = [];
  for (const state of onSide?.filesystems ?? []) {
    const sender = senders.get(state.filesystem);
    const receiver = receivers.get(state.filesystem);
    const guarded = side === "sender" ? protectedOnSender(state, receiver) : protectedOnReceiver(sender, state);
    for (const [guid, reason] of guarded) protectedGuids.set(guid, reason);
    const cursor = sender === undefined ? undefined : cursorGuid(sender, endpoints.sender.job);
    // Not knowing the receiver, we don't know the base either, unless the cursor keeps it.
    if (side === "sender" && listings.receiver === undefined && cursor === undefined)
      for (const { guid, kind } of state.versions) if (kind === "snapshot") protectedGuids.set(guid, "the receiver can't be asked what it has");
    filesystems.push(observed(state, cursor, sender !== undefined));
  }
  const plan = planPrune({ filesystems, rules, side, protectedGuids });
  const endpoint = side === "sender" ? endpoints.sender : endpoints.receiver;
  return finish({ job: job.name, side, endpoint, plan, problems: onSide?.problems ?? [] }, invocation);
}

function observed(state: FilesystemState, cursor: string | undefined, hasSenderCounterpart: boolean): PruneFilesystem {
  const { filesystem, isPlaceholder, versions } = state;
  return { filesystem, isPlaceholder, snapshots: versions, cursorGuid: cursor, hasSenderCounterpart };
}

interface SidePlan {
  readonly job: string;
  readonly side: Side | "local";
  readonly endpoint: Endpoint;
  readonly plan: PrunePlan;
  readonly problems: readonly string[];
}

async function finish(sidePlan: SidePlan, invocation: Invocation): Promise<PhaseResult> {
  const { plan, problems } = sidePlan;
  for (const message of problems) invocation.reporter.emit({ event: "log", level: "error", job: sidePlan.job, message });
  const pruned = plan.filter((entry) => entry.outcome === "prune");
  if (invocation.dryRun) {
    show(sidePlan, invocation);
    return { matched: plan.length, done: pruned.length, failed: problems.length };
  }
  const requests = pruned.filter(({ destroy }) => destroy.length > 0).map(({ filesystem, destroy }) => ({ filesystem, snapshots: destroy.map(asVersion) }));
  const failures = requests.length === 0 ? [] : await sidePlan.endpoint.destroySnapshots(requests);
  const failed = reportFailures(sidePlan, failures, invocation);
  reportOutcome(sidePlan, failures, invocation);
  return { matched: plan.length, done: pruned.length - failed.size, failed: failed.size + problems.length };
}

function asVersion({ name, guid, createtxg, creationSec, userrefs }: Omit<FilesystemVersion, "kind">): FilesystemVersion {
  return { kind: "snapshot", name, guid, createtxg, creationSec, userrefs };
}

function show({ job, side, plan }: SidePlan, { reporter }: Invocation): void {
  if (reporter.wantsText) {
    for (const line of describePrunePlan(plan)) reporter.emit({ event: "planText", job, text: `${side}: ${line}` });
    return;
  }
  for (const entry of plan) {
    if (entry.outcome === "skip") continue;
    const planned = { event: "plannedPrune" as const, job, side, filesystem: entry.filesystem };
    for (const { name, guid } of entry.destroy) reporter.emit({ ...planned, name, guid, action: "destroy", reasons: [] });
    for (const { snapshot, reasons } of entry.keep)
      reporter.emit({ ...planned, name: snapshot.name, guid: snapshot.guid, action: "keep", reasons });
    for (const { name, guid } of entry.held) reporter.emit({ ...planned, name, guid, action: "keep", reasons: ["held"] });
  }
}

/** @returns the filesystems on which something that should have gone could not be destroyed */
function reportFailures({ job, side }: SidePlan, failures: readonly DestroyFailure[], { reporter }: Invocation): Set<string> {
  const failed = new Set<string>();
  for (const { filesystem, snapshot, outcome, message } of failures) {
    if (outcome === "failed") {
      failed.add(filesystem);
      const text = `@${snapshot.name} on ${side} was not destroyed: ${message}`;
      reporter.emit({ event: "filesystemFailed", job, phase: "prune", filesystem, message: text, temporary: false });
    } else reporter.emit({ event: "snapshotKept", job, side, filesystem, name: snapshot.name, guid: snapshot.guid, reason: message });
  }
  return failed;
}

function reportOutcome({ job, side, plan }: SidePlan, failures: readonly DestroyFailure[], { reporter }: Invocation): void {
  const kept = new Set(failures.map(({ filesystem, snapshot }) => `${filesystem}@${snapshot.name}`));
  let destroyed = 0;
  let held = kept.size;
  for (const entry of plan) {
    if (entry.outcome === "skip") continue;
    const { filesystem } = entry;
    for (const { name, guid } of entry.destroy) {
      if (kept.has(`${filesystem}@${name}`)) continue;
      destroyed++;
      reporter.emit({ event: "snapshotDestroyed", job, side, filesystem, name, guid });
    }
    for (const { name, guid } of entry.held) {
      held++;
      reporter.emit({ event: "snapshotKept", job, side, filesystem, name, guid, reason: "held; no rule keeps it" });
    }
  }
  const failed = new Set(failures.filter(({ outcome }) => outcome === "failed").map(({ filesystem }) => filesystem)).size;
  const done = plan.filter(({ outcome }) => outcome === "prune").length - failed;
  const summary = `pruned ${side}: destroyed ${count(destroyed, "snapshot")}${held === 0 ? "" : `, ${held} held or in use`}`;
  reporter.emit({ event: "phaseDone", job, phase: "prune", side, done, failed, summary });
}

async function tryList(endpoint: Endpoint): Promise<{ readonly listing?: SideListing; readonly error?: ZreplRunError }> {
  try {
    return { listing: await endpoint.list() };
  } catch (error) {
    if (error instanceof ZreplRunError) return { error };
    throw error;
  }
}

function sideFailed(job: string, side: Side, error: ZreplRunError, { reporter }: Invocation): PhaseResult {
  reporter.emit({ event: "log", level: "error", job, message: `cannot prune ${side}: ${error.message}` });
  return { matched: 0, done: 0, failed: 1 };
}
