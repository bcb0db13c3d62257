import type { KeepRule } from "../config/pruning-config.ts";
import { count, formatBytes, formatDuration } from "../report/format.ts";
import { unreachable } from "../unreachable.ts";
import type { PruneFilesystemPlan, PrunePlan } from "./plan.ts";
import { type FilledBucket, fillGrid } from "./rules/grid.ts";
import { compareSnapshots, type PruneSnapshot } from "./snapshot.ts";

export type Fate = "keep" | "destroy" | "held";

export interface DescribeOptions {
  /** The rules of this side: grids are drawn. */
  readonly rules: readonly KeepRule[];
  readonly nowSec: number;
  /** What destroying would free, by filesystem. */
  readonly reclaimBytes?: ReadonlyMap<string, number> | undefined;
  /** Colours a text; absent = plain. */
  readonly paint?: ((fate: Fate, text: string) => string) | undefined;
}

/**
 * The plan as the operator reads it in a dry run. Per filesystem: a line, a timeline, the buckets of the grids, then the
 * snapshots from the oldest to the newest, each with what would happen to it and why.
 */
export function describePrunePlan(plan: PrunePlan, options: DescribeOptions): string[] {
  return plan.flatMap((entry) => describeFilesystem(entry, options));
}

/** Why a filesystem is left alone, for a person. */
export function leftAloneReason(snapshots: number): string {
  if (snapshots === 1) return "left alone: the rules would destroy its only snapshot";
  return `left alone: the rules keep none of its ${snapshots} snapshots`;
}

export const LEFT_ALONE_HINT = "if they are all to go: prune --allow-empty, or pruning.allow_empty: true in the job";

function describeFilesystem(plan: PruneFilesystemPlan, options: DescribeOptions): string[] {
  switch (plan.outcome) {
    case "skip":
      return [`${plan.filesystem}: skipped: ${plan.reason}`];
    case "leftAlone": {
      const timeline = plan.snapshots.map((snapshot) => ({ snapshot, fate: "keep" as const, why: "left alone" }));
      return [`${plan.filesystem}: ${leftAloneReason(plan.snapshots.length)}`, ...describeSnapshots(timeline, options)];
    }
    case "prune":
      return describePruning(plan, options);
    default:
      return unreachable(plan);
  }
}

interface Judged {
  readonly snapshot: PruneSnapshot;
  readonly fate: Fate;
  readonly why: string;
}

function describePruning(plan: Extract<PruneFilesystemPlan, { outcome: "prune" }>, options: DescribeOptions): string[] {
  const { filesystem, destroy, keep, held } = plan;
  const judged: Judged[] = [
    ...destroy.map((snapshot) => ({ snapshot, fate: "destroy" as const, why: "no rule keeps it" })),
    ...keep.map(({ snapshot, reasons }) => ({ snapshot, fate: "keep" as const, why: reasons.join(", ") })),
    ...held.map(({ snapshot, tags }) => ({ snapshot, fate: "held" as const, why: heldReason(snapshot, tags) })),
  ].sort((a, b) => compareSnapshots(a.snapshot, b.snapshot));
  if (judged.length === 0) return [`${filesystem}: no snapshots`];
  const heldCount = held.length === 0 ? "" : `, ${held.length} held`;
  const bytes = options.reclaimBytes?.get(filesystem);
  const freed = bytes === undefined ? "" : `; would free ${formatBytes(bytes)}`;
  const summary = `${filesystem}: destroy ${destroy.length}, keep ${keep.length}${heldCount}${freed}`;
  return [
    summary,
    ...drawTimeline(judged, options),
    ...drawGrids(judged, options),
    ...describeSnapshots(judged, options),
  ];
}

function describeSnapshots(judged: readonly Judged[], { nowSec, paint = plain }: DescribeOptions): string[] {
  const nameWidth = judged.reduce((width, { snapshot }) => Math.max(width, snapshot.name.length), 0);
  return judged.map(({ snapshot, fate, why }) => {
    const age = formatDuration(nowSec - snapshot.creationSec).padStart(6);
    return `  ${paint(fate, fate.padEnd(7))} @${snapshot.name.padEnd(nameWidth)} ${age}  ${why}`;
  });
}

function plain(_fate: Fate, text: string): string {
  return text;
}

/** `held by zrepl_STEP_J_prod; no rule keeps it` */
export function heldReason({ userrefs }: PruneSnapshot, tags: readonly string[]): string {
  const by = tags.length === 0 ? count(userrefs, "hold") : tags.join(", ");
  return `held by ${by}; no rule keeps it`;
}

const MARKS: Readonly<Record<Fate, string>> = { keep: "K", destroy: "x", held: "h" };
const TIMELINE_WIDTH = 60;

/** When the snapshots were taken, to scale: K kept, x destroyed, h held; where several fall together, a kept one shows. */
function drawTimeline(judged: readonly Judged[], { paint = plain }: DescribeOptions): string[] {
  if (judged.length < 2) return [];
  const times = judged.map(({ snapshot }) => snapshot.creationSec);
  const [fromSec, toSec] = times.reduce(
    ([low, high], time) => [Math.min(low, time), Math.max(high, time)],
    [Infinity, -Infinity],
  );
  const cells = new Array<Fate | undefined>(TIMELINE_WIDTH).fill(undefined);
  const strength = (fate: Fate | undefined) => (fate === undefined ? 0 : { destroy: 1, held: 2, keep: 3 }[fate]);
  for (const { snapshot, fate } of judged) {
    const span = Math.max(1, toSec - fromSec);
    const cell = Math.round(((snapshot.creationSec - fromSec) / span) * (TIMELINE_WIDTH - 1));
    if (strength(fate) > strength(cells[cell])) cells[cell] = fate;
  }
  const line = cells.map((fate) => (fate === undefined ? "." : paint(fate, MARKS[fate]))).join("");
  return [`  oldest |${line}| newest, ${formatDuration(toSec - fromSec)} later`];
}

function drawGrids(judged: readonly Judged[], options: DescribeOptions): string[] {
  const snapshots = judged.map(({ snapshot }) => snapshot);
  return options.rules.flatMap((rule) => (rule.type === "grid" ? drawGrid(rule, snapshots, options) : []));
}

/** More marks than this in one bucket are counted instead. */
const MAX_MARKS = 40;

function drawGrid(
  rule: Extract<KeepRule, { type: "grid" }>,
  snapshots: readonly PruneSnapshot[],
  options: DescribeOptions,
): string[] {
  const buckets = fillGrid(rule, snapshots);
  if (buckets.every((bucket) => bucket.snapshots.length === 0)) return [`  ${rule.text}: no snapshot matches`];
  const width = buckets.reduce((most, { ages }) => Math.max(most, ages.length), 0);
  const lines = [`  ${rule.text}; youngest first:`];
  let empty = 0;
  const flush = () => {
    if (empty > 0) lines.push(`    ${"".padEnd(width)}  (${count(empty, "empty bucket")})`);
    empty = 0;
  };
  for (const bucket of buckets) {
    if (bucket.snapshots.length === 0) {
      if (bucket.keep !== undefined) empty++;
      continue;
    }
    flush();
    lines.push(`    ${bucket.ages.padEnd(width)}  ${drawBucket(bucket, options)}`);
  }
  flush();
  return lines;
}

function drawBucket({ keep, snapshots, kept }: FilledBucket, { paint = plain }: DescribeOptions): string {
  const rule = (keep === undefined ? "keep=0" : `keep=${keep}`).padEnd(8);
  if (snapshots.length > MAX_MARKS) {
    const keptCount = snapshots.filter((snapshot) => kept.has(snapshot)).length;
    return `${rule} ${paint("keep", `${keptCount} K`)} ${paint("destroy", `${snapshots.length - keptCount} x`)}`;
  }
  const fates = snapshots.map((snapshot): Fate => (kept.has(snapshot) ? "keep" : "destroy"));
  return `${rule} ${fates.map((fate) => paint(fate, MARKS[fate])).join("")}`;
}
