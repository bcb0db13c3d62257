import { unreachable } from "../unreachable.ts";
import type { PruneFilesystemPlan, PrunePlan } from "./plan.ts";
import { compareSnapshots, type PruneSnapshot } from "./snapshot.ts";

/**
 * The plan as the operator reads it in a dry run: a line per filesystem, then its snapshots from the oldest to the newest,
 * each with what would happen to it and why.
 */
export function describePrunePlan(plan: PrunePlan): string[] {
  return plan.flatMap(describeFilesystem);
}

function describeFilesystem(plan: PruneFilesystemPlan): string[] {
  switch (plan.outcome) {
    case "skip":
      return [`${plan.filesystem}: skipped: ${plan.reason}`];
    case "prune":
      return describePruning(plan);
    default:
      return unreachable(plan);
  }
}

function describePruning(plan: Extract<PruneFilesystemPlan, { outcome: "prune" }>): string[] {
  const { filesystem, destroy, keep, held } = plan;
  if (destroy.length + keep.length + held.length === 0) return [`${filesystem}: no snapshots`];
  const heldCount = held.length === 0 ? "" : `, ${held.length} held`;
  const entries = [
    ...destroy.map((snapshot) => ({ snapshot, text: describeSnapshot("destroy", snapshot, "no rule keeps it") })),
    ...keep.map(({ snapshot, reasons }) => ({
      snapshot,
      text: describeSnapshot("keep", snapshot, reasons.join(", ")),
    })),
    ...held.map((snapshot) => ({ snapshot, text: describeSnapshot("held", snapshot, heldReason(snapshot)) })),
  ].sort((a, b) => compareSnapshots(a.snapshot, b.snapshot));
  const summary = `${filesystem}: destroy ${destroy.length}, keep ${keep.length}${heldCount}`;
  return [summary, ...entries.map(({ text }) => text)];
}

function describeSnapshot(action: "destroy" | "keep" | "held", { name }: PruneSnapshot, reason: string): string {
  return `  ${action.padEnd(7)} @${name} (${reason})`;
}

function heldReason({ userrefs }: PruneSnapshot): string {
  return `no rule keeps it, but it has ${userrefs === 1 ? "a hold" : `${userrefs} holds`}`;
}
