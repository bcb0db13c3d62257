/** `test prune`: a job's policy applied to a list of snapshots. Needs no ZFS. */
import type { KeepRule, PruneGuards } from "../config/pruning-config.ts";
import { UsageError } from "../errors.ts";
import { describePrunePlan, type Fate } from "../prune/describe.ts";
import { planPrune } from "../prune/plan.ts";
import type { PruneSide } from "../prune/replicated.ts";
import type { PruneJob } from "../prune/run.ts";
import { fates } from "../prune/show.ts";
import type { Side } from "../prune/side-plan.ts";
import type { Event } from "../report/events.ts";
import { asPruneFilesystems, parseSnapshotList } from "./parse-listing.ts";

export interface TryPruneOptions {
  readonly job: PruneJob;
  readonly side: Side | undefined;
  /** Text of the list. */
  readonly snapshots: string;
  /** guid of the snapshot that the replication cursor stands for. */
  readonly cursor: string | undefined;
  readonly json: boolean;
  readonly nowSec: number;
  readonly paint: ((fate: Fate, text: string) => string) | undefined;
}

/** @returns lines to print: with `json` one event per snapshot, else the plan as a dry run shows it */
export function tryPrune(options: TryPruneOptions): string[] {
  const { job, cursor, nowSec } = options;
  const { side, rules, guards } = policyOf(job, options.side);
  // on the receiver, what the cursor stands for is what was received last
  const protectedGuids = new Map(
    side === "receiver" && cursor !== undefined ? [[cursor, "last received snapshot"]] : [],
  );
  const filesystems = asPruneFilesystems(parseSnapshotList(options.snapshots), cursor);
  const plan = planPrune({ filesystems, rules, side, protectedGuids, guards, nowSec });
  if (!options.json) return describePrunePlan(plan, { rules, nowSec, paint: options.paint });
  return plan.flatMap((entry) =>
    fates(entry).map(({ snapshot: { name, guid, creationSec }, action, reasons }) => {
      const about = { job: job.name, side, filesystem: entry.filesystem, name, guid, creationSec };
      const event: Event = { event: "plannedPrune", ...about, action, reasons };
      return JSON.stringify(event);
    }),
  );
}

interface Policy {
  readonly side: PruneSide;
  readonly rules: readonly KeepRule[];
  readonly guards: PruneGuards;
}

function policyOf(job: PruneJob, side: Side | undefined): Policy {
  if (job.type === "push" || job.type === "pull") {
    if (side === undefined)
      throw new UsageError(`job ${JSON.stringify(job.name)} prunes two sides: give --side sender or --side receiver`);
    return { side, rules: side === "sender" ? job.pruning.keepSender : job.pruning.keepReceiver, guards: job.pruning };
  }
  const own = { snap: "local", sink: "receiver", source: "sender" } as const;
  if (job.pruning === undefined)
    throw new UsageError(`job ${JSON.stringify(job.name)} has no pruning: its other side prunes it`);
  if (side !== undefined && job.type !== "snap" && own[job.type] !== side)
    throw new UsageError(`job ${JSON.stringify(job.name)} is a ${job.type} job: its side is ${own[job.type]}`);
  return { side: own[job.type], rules: job.pruning.keep, guards: job.pruning };
}
