/** In which order steps run (zrepl-behaviour.md §4.11). Pure. */
import { ancestorsOf } from "../zfs/name.ts";
import type { FilesystemPlan, ReplicationPlan } from "./plan.ts";
import type { Step } from "./plan-steps.ts";

export interface OrderedStep {
  readonly step: Step;
  /** Step `index + 1` of `count` of its filesystem. */
  readonly index: number;
  readonly count: number;
  /** Filesystems that must be on the receiver before this step, which creates a child of theirs. */
  readonly parents: readonly string[];
}

/**
 * All steps of a plan: the oldest target snapshot first over all filesystems, the steps of one filesystem in sequence,
 * and a parent's first full send before its children's. Every step comes after all that it depends on.
 */
export function orderSteps(plan: ReplicationPlan): OrderedStep[] {
  const blocking = new Set(plan.filesystems.filter(blocksChildren).map(({ filesystem }) => filesystem));
  const lastKey = new Map<string, number>();
  const keyed: { readonly ordered: OrderedStep; readonly key: number; readonly rank: number }[] = [];
  let rank = 0;
  // Parents come before children in a plan, so a parent's key is known when its child's is made.
  for (const { filesystem, ...entry } of plan.filesystems) {
    if (entry.outcome !== "steps") continue;
    const parents = entry.onReceiver ? [] : ancestorsOf(filesystem).filter((parent) => blocking.has(parent));
    let key = Math.max(
      ...parents.map((parent) => lastKey.get(parent) ?? Number.NEGATIVE_INFINITY),
      Number.NEGATIVE_INFINITY,
    );
    for (const [index, step] of entry.steps.entries()) {
      key = Math.max(key, step.to.creationSec);
      if (index === 0) lastKey.set(filesystem, key);
      const ordered = { step, index, count: entry.steps.length, parents: index === 0 ? parents : [] };
      keyed.push({ ordered, key, rank: rank++ });
    }
  }
  return keyed.sort((a, b) => a.key - b.key || a.rank - b.rank).map(({ ordered }) => ordered);
}

/**
 * Whether children that are not on the receiver yet must wait for this filesystem: it is not there either, and either
 * comes by a full send first or can't come at all.
 */
function blocksChildren(plan: FilesystemPlan): boolean {
  switch (plan.outcome) {
    case "steps":
    case "refused":
    case "conflict":
      return !plan.onReceiver;
    case "nothing":
    case "upToDate":
      return false;
  }
}
