/** The dry run: the same plan, with the space it would free, shown instead of done. */
import type { Endpoint } from "../endpoint/endpoint.ts";
import type { Invocation } from "../invocation.ts";
import { describePrunePlan, leftAloneReason } from "./describe.ts";
import type { PruneFilesystemPlan } from "./plan.ts";
import { destroyRequests, type SidePlan } from "./side-plan.ts";

export async function showPlan(sidePlan: SidePlan, invocation: Invocation): Promise<void> {
  const { reporter } = invocation;
  const { job, side, plan, rules, nowSec, endpoint } = sidePlan;
  const reclaimBytes = await reclaimable(endpoint, sidePlan);
  if (reporter.wantsText) {
    const options = { rules, nowSec, reclaimBytes, paint: reporter.paintPlan };
    for (const line of describePrunePlan(plan, options))
      reporter.emit({ event: "planText", job, text: `${side}: ${line}` });
    return;
  }
  for (const entry of plan) emitFilesystem(entry, reclaimBytes.get(entry.filesystem), sidePlan, invocation);
}

/** Only where the endpoint can tell. */
async function reclaimable(endpoint: Endpoint, sidePlan: SidePlan): Promise<ReadonlyMap<string, number>> {
  const requests = destroyRequests(sidePlan.plan);
  return requests.length === 0 ? new Map() : ((await endpoint.reclaimable?.(requests)) ?? new Map());
}

function emitFilesystem(
  entry: PruneFilesystemPlan,
  reclaimBytes: number | undefined,
  { job, side }: SidePlan,
  { reporter }: Invocation,
): void {
  const { filesystem } = entry;
  const about = { event: "plannedPruneFilesystem" as const, job, side, filesystem };
  for (const { snapshot, action, reasons } of fates(entry)) {
    const { name, guid, creationSec } = snapshot;
    reporter.emit({ event: "plannedPrune", job, side, filesystem, name, guid, creationSec, action, reasons });
  }
  if (entry.outcome === "skip") {
    reporter.emit({ ...about, destroy: 0, keep: 0, held: 0, skipped: entry.reason });
  } else if (entry.outcome === "leftAlone") {
    const { length } = entry.snapshots;
    reporter.emit({ ...about, destroy: 0, keep: length, held: 0, skipped: leftAloneReason(length) });
  } else {
    const { destroy, keep, held } = entry;
    const space = reclaimBytes === undefined ? {} : { reclaimBytes };
    reporter.emit({ ...about, destroy: destroy.length, keep: keep.length, held: held.length, ...space });
  }
}

interface SnapshotFate {
  readonly snapshot: {
    readonly name: string;
    readonly guid: string;
    readonly creationSec: number;
    readonly createtxg: bigint;
  };
  readonly action: "keep" | "destroy";
  readonly reasons: readonly string[];
}

/** What becomes of each snapshot, in createtxg order: one entry per snapshot. */
export function fates(entry: PruneFilesystemPlan): SnapshotFate[] {
  if (entry.outcome === "skip") return [];
  if (entry.outcome === "leftAlone") {
    const reasons = [leftAloneReason(entry.snapshots.length)];
    return entry.snapshots.map((snapshot) => ({ snapshot, action: "keep", reasons }));
  }
  const all: SnapshotFate[] = [
    ...entry.destroy.map((snapshot) => ({ snapshot, action: "destroy" as const, reasons: [] })),
    ...entry.keep.map(({ snapshot, reasons }) => ({ snapshot, action: "keep" as const, reasons })),
    ...entry.held.map(({ snapshot, tags }) => ({
      snapshot,
      action: "keep" as const,
      reasons: [tags.length === 0 ? "held" : `held by ${tags.join(", ")}`],
    })),
  ];
  return all.sort(({ snapshot: a }, { snapshot: b }) =>
    a.createtxg === b.createtxg ? (a.name < b.name ? -1 : 1) : a.createtxg < b.createtxg ? -1 : 1,
  );
}
