/** From what both sides have to the plan of one of them. */
import type { BothPruning, KeepRule, LocalPruning } from "../config/pruning-config.ts";
import type { DestroyRequest, Endpoint, FilesystemState, SideListing } from "../endpoint/endpoint.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";
import { cursorGuid, protectedOnReceiver, protectedOnSender } from "./base.ts";
import { NO_COUNTERPART, type PruneFilesystem, type PrunePlan, planPrune } from "./plan.ts";
import type { PruneSide } from "./replicated.ts";

export type Side = "sender" | "receiver";

/** What is to be done on one side, and by whom. */
export interface SidePlan {
  readonly job: string;
  readonly side: PruneSide;
  readonly endpoint: Endpoint;
  readonly plan: PrunePlan;
  /** What kept the listing from being complete. */
  readonly problems: readonly string[];
  readonly rules: readonly KeepRule[];
  readonly nowSec: number;
}

export interface Listings {
  readonly sender: SideListing | undefined;
  readonly receiver: SideListing | undefined;
}

export interface BothSidesInput {
  readonly job: string;
  readonly pruning: BothPruning;
  readonly listings: Listings;
  /** The job whose cursors count. */
  readonly senderJob: string;
  readonly endpoint: Endpoint;
  readonly nowSec: number;
}

/** One side of a push or pull job. */
export function planSide(side: Side, input: BothSidesInput): SidePlan {
  const { listings, pruning, nowSec, job, endpoint } = input;
  const senders = byFilesystem(listings.sender);
  const receivers = byFilesystem(listings.receiver);
  const onSide = side === "sender" ? listings.sender : listings.receiver;
  const rules = side === "sender" ? pruning.keepSender : pruning.keepReceiver;
  const filesystems: PruneFilesystem[] = [];
  for (const state of onSide?.filesystems ?? []) {
    const sender = senders.get(state.filesystem);
    const cursor = sender === undefined ? undefined : cursorGuid(sender, input.senderJob);
    const protectedGuids = new Map(
      side === "sender"
        ? protectedOnSender(state, receivers.get(state.filesystem))
        : sender === undefined
          ? protectedNewest(state)
          : protectedOnReceiver(sender, state),
    );
    // Not knowing the receiver, we don't know the base either, unless the cursor keeps it.
    if (side === "sender" && listings.receiver === undefined && cursor === undefined)
      for (const { guid, kind } of state.versions)
        if (kind === "snapshot") protectedGuids.set(guid, "the receiver can't be asked what it has");
    filesystems.push({ ...observed(state, cursor, sender !== undefined), protectedGuids });
  }
  const skipVanished = vanishedProblem(pruning, listings.sender);
  const plan = planPrune({ filesystems, rules, side, guards: pruning, nowSec, skipVanished });
  return { job, side, endpoint, plan, problems: onSide?.problems ?? [], rules, nowSec };
}

/** Why copies without a sender's filesystem are kept; false = they are pruned. */
function vanishedProblem({ vanished }: BothPruning, sender: SideListing | undefined): string | false {
  if (vanished !== "prune") return NO_COUNTERPART;
  if (sender === undefined || sender.filesystems.length === 0)
    return "filesystem has no correspondence on sender, which has none at all: more likely a mistake than the truth";
  if (sender.problems.length > 0)
    return `filesystem has no correspondence on sender, which is not all there: ${sender.problems.join("; ")}`;
  return false;
}

export interface OneSideInput {
  readonly job: string;
  readonly type: "snap" | "sink" | "source";
  readonly pruning: LocalPruning;
  readonly listing: SideListing;
  readonly endpoint: Endpoint;
  readonly nowSec: number;
}

/** A job that prunes what it has without asking the other side. */
export function planOneSide({ job, type, pruning, listing, endpoint, nowSec }: OneSideInput): SidePlan {
  const side: PruneSide = type === "snap" ? "local" : type === "sink" ? "receiver" : "sender";
  const filesystems = listing.filesystems.map((state) => ({
    ...observed(state, type === "source" ? cursorGuid(state, job) : undefined, true),
    protectedGuids: new Map(type === "sink" ? protectedNewest(state) : []),
  }));
  const { keep: rules } = pruning;
  const plan = planPrune({ filesystems, rules, side, guards: pruning, nowSec });
  return { job, side, endpoint, plan, problems: listing.problems, rules, nowSec };
}

/** On a receiver whose sender is not known, the newest snapshot is taken for the last received one. */
function protectedNewest({ versions }: FilesystemState): [guid: string, reason: string][] {
  const newest = versions
    .filter(({ kind }) => kind === "snapshot")
    .sort(compareVersions)
    .at(-1);
  return newest === undefined ? [] : [[newest.guid, "newest snapshot of the receiver"]];
}

function observed(state: FilesystemState, cursor: string | undefined, hasSenderCounterpart: boolean): PruneFilesystem {
  const { filesystem, isPlaceholder, versions, holds } = state;
  return { filesystem, isPlaceholder, snapshots: versions, cursorGuid: cursor, hasSenderCounterpart, holds };
}

function byFilesystem(listing: SideListing | undefined): Map<string, FilesystemState> {
  return new Map((listing?.filesystems ?? []).map((state) => [state.filesystem, state]));
}

/** What an endpoint is asked to destroy. */
export function destroyRequests(plan: PrunePlan): DestroyRequest[] {
  return plan.flatMap((entry) =>
    entry.outcome === "prune" && entry.destroy.length > 0
      ? [{ filesystem: entry.filesystem, snapshots: entry.destroy.map(asVersion) }]
      : [],
  );
}

function asVersion({
  name,
  guid,
  createtxg,
  creationSec,
  userrefs,
}: Omit<FilesystemVersion, "kind">): FilesystemVersion {
  return { kind: "snapshot", name, guid, createtxg, creationSec, userrefs };
}
