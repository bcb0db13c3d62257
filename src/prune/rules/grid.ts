import type { KeepRule } from "../../config/pruning-config.ts";
import type { Kept, PruneSnapshot } from "../snapshot.ts";
import { compareSnapshots } from "../snapshot.ts";

type GridRule = Extract<KeepRule, { type: "grid" }>;

/** A stretch of ages up to `toSec`, exclusive; it begins where the one before ends. */
interface Bucket {
  readonly toSec: number;
  readonly keep: number | "all";
  /** `1h–3h` */
  readonly ages: string;
  readonly reason: string;
}

/** A bucket of a grid with what is in it, to be drawn. Snapshots from the youngest to the oldest. */
export interface FilledBucket {
  readonly ages: string;
  /** undefined = beyond the last bucket. */
  readonly keep: number | "all" | undefined;
  readonly snapshots: readonly PruneSnapshot[];
  /** Those of them that the rule keeps. */
  readonly kept: ReadonlySet<PruneSnapshot>;
}

/** All buckets of a grid from the youngest to the oldest, and last what is older than all of them. */
export function fillGrid(rule: GridRule, snapshots: readonly PruneSnapshot[]): FilledBucket[] {
  const kept = new Set(keepGrid(rule, snapshots).keys());
  const matching = snapshots.filter(({ name }) => rule.regex.test(name));
  const nowSec = matching.reduce((youngest, { creationSec }) => Math.max(youngest, creationSec), -Infinity);
  const rest = [...matching].sort((a, b) => b.creationSec - a.creationSec || compareSnapshots(a, b));
  const filled = bucketsOf(rule).map((bucket) => {
    const end = rest.findIndex((snapshot) => !isInside(bucket, snapshot, nowSec));
    const inside = rest.splice(0, end === -1 ? rest.length : end);
    return { ages: bucket.ages, keep: bucket.keep, snapshots: inside, kept };
  });
  return [...filled, { ages: "older", keep: undefined, snapshots: rest, kept }];
}

/**
 * Puts the matching snapshots into buckets by age and keeps the oldest of each bucket (§5.3). Ages count from the youngest
 * matching snapshot, not from the clock: pruning again, or much later, destroys nothing more, if the first bucket keeps all.
 * Otherwise it may give up the youngest snapshot itself, and the buckets shift, as under zrepl.
 */
export function keepGrid(rule: GridRule, snapshots: readonly PruneSnapshot[]): Kept {
  const matching = snapshots.filter(({ name }) => rule.regex.test(name));
  return keepGridAt(
    rule,
    matching,
    matching.reduce((youngest, { creationSec }) => Math.max(youngest, creationSec), -Infinity),
  );
}

/** The same with ages counted from `nowSec`; what is younger than that is kept. All snapshots are taken to match. */
export function keepGridAt(rule: GridRule, matching: readonly PruneSnapshot[], nowSec: number): Kept {
  const kept = new Map<PruneSnapshot, string>();
  // zrepl sorts by date, stably, what is in createtxg order: of two of the same second, the later one counts as older.
  const youngestFirst = [...matching].sort((a, b) => b.creationSec - a.creationSec || compareSnapshots(a, b));
  let next = youngestFirst.findIndex(({ creationSec }) => creationSec <= nowSec);
  if (next === -1) next = youngestFirst.length;
  for (const snapshot of youngestFirst.slice(0, next)) kept.set(snapshot, "grid: in the future");
  for (const bucket of bucketsOf(rule)) {
    const start = next;
    while (next < youngestFirst.length && isInside(bucket, youngestFirst[next], nowSec)) next++;
    const firstKept = bucket.keep === "all" ? start : Math.max(start, next - bucket.keep);
    for (const snapshot of youngestFirst.slice(firstKept, next)) kept.set(snapshot, bucket.reason);
  }
  return kept;
}

/** Only the older edge needs a look: the walk is from young to old, and the buckets have no gaps. */
function isInside(bucket: Bucket, snapshot: PruneSnapshot | undefined, nowSec: number): boolean {
  return snapshot !== undefined && nowSec - snapshot.creationSec < bucket.toSec;
}

function bucketsOf(rule: GridRule): Bucket[] {
  let fromSec = 0;
  return rule.intervals.map(({ lengthSec, keep }, i) => {
    const toSec = fromSec + lengthSec;
    const ages = `${formatAge(fromSec)}–${formatAge(toSec)}`;
    const bucket = { toSec, keep, ages, reason: `grid: bucket ${i + 1} of ${rule.intervals.length} (${ages})` };
    fromSec = toSec;
    return bucket;
  });
}

/** `0`, `90s` → `1m30s`, `36h` → `1d12h`: the largest units that fit, without zeros. */
function formatAge(sec: number): string {
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ];
  let rest = sec;
  let text = "";
  for (const [unit, unitSec] of units) {
    const count = Math.floor(rest / unitSec);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitSec;
  }
  return text === "" ? "0" : text;
}
