/** Pictures of one filesystem's snapshots: a timeline of both sides, and which buckets of a retention grid they fill. Pure. */
import type { GridInterval } from "../config/pruning-config.ts";
import { formatDuration } from "../report/format.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

/** The snapshots of both sides; a side that there is not, or that was not seen, is absent. */
export interface Sides {
  readonly sender?: readonly FilesystemVersion[] | undefined;
  readonly receiver?: readonly FilesystemVersion[] | undefined;
}

const HOUR = 3600;
const DAY = 24 * HOUR;
const WIDTH = 600;
const LANE = 14;

/** Marks of the axis, as far as the snapshots reach back. */
const MARKS: readonly (readonly [sec: number, text: string])[] = [
  [HOUR, "1 h"],
  [6 * HOUR, "6 h"],
  [DAY, "1 d"],
  [7 * DAY, "1 w"],
  [30 * DAY, "30 d"],
  [365 * DAY, "1 y"],
  [3650 * DAY, "10 y"],
];

/** The last hours have as much room as the last years: the position is the logarithm of the age. */
function positions(sides: Sides, nowSec: number): (ageSec: number) => number {
  const ages = [...(sides.sender ?? []), ...(sides.receiver ?? [])].map(({ creationSec }) => nowSec - creationSec);
  const oldest = ages.reduce((max, age) => Math.max(max, age), DAY);
  const scale = Math.log(1 + oldest / HOUR);
  return (ageSec) => 1 - Math.log(1 + Math.max(0, ageSec) / HOUR) / scale;
}

/**
 * Today at the right. A snapshot is a line in its side's lane; those that would be at the same place are one, so that a
 * picture of ten thousand is as small as one of a hundred.
 */
export function timeline(sides: Sides, nowSec: number, label: string): string {
  const at = positions(sides, nowSec);
  const lanes = (["sender", "receiver"] as const).flatMap((side) => {
    const versions = sides[side];
    return versions === undefined ? [] : [{ side, versions }];
  });
  const drawn = lanes.map(({ side, versions }, lane) => {
    const places = new Set(versions.map(({ creationSec }) => Math.round(at(nowSec - creationSec) * (WIDTH - 2)) + 1));
    const top = lane * (LANE + 3);
    const lines = [...places].sort((a, b) => a - b).map((x) => `M${x} ${top + 1}v${LANE - 2}`);
    return `<rect class="lane" y="${top}" width="${WIDTH}" height="${LANE}"/><path class="${side}" d="${lines.join("")}"/>`;
  });
  const height = Math.max(LANE, lanes.length * (LANE + 3) - 3);
  const marks = MARKS.filter(([sec]) => at(sec) > 0.03 && at(sec) < 0.96).map(
    ([sec, text]) => `<span style="left:${(at(sec) * 100).toFixed(1)}%">${text}</span>`,
  );
  return (
    `<div class="timeline"><svg viewBox="0 0 ${WIDTH} ${height}" preserveAspectRatio="none" style="height:${height}px" role="img" aria-label="${label}">` +
    `${drawn.join("")}</svg><div class="axis" aria-hidden="true">${marks.join("")}<span style="left:100%">now</span></div></div>`
  );
}

/** Buckets of one length, next to each other. */
interface Group {
  readonly lengthSec: number;
  readonly buckets: number;
}

const USUAL: readonly Group[] = [
  { lengthSec: HOUR, buckets: 24 },
  { lengthSec: DAY, buckets: 7 },
  { lengthSec: 7 * DAY, buckets: 4 },
  { lengthSec: 30 * DAY, buckets: 12 },
];

/** More buckets of one length than this are not drawn. */
const MAX_BUCKETS = 60;
const CELL = 11;

/** The buckets of a job's grid rule; without one, those that are usual. */
export function groupsOf(intervals: readonly GridInterval[] | undefined): readonly Group[] {
  if (intervals === undefined) return USUAL;
  const groups: Group[] = [];
  for (const { lengthSec } of intervals) {
    const last = groups.at(-1);
    if (last?.lengthSec === lengthSec) groups[groups.length - 1] = { lengthSec, buckets: last.buckets + 1 };
    else groups.push({ lengthSec, buckets: 1 });
  }
  return groups;
}

/** Cells from young to old; the upper half is the sender's, the lower one the receiver's. Ages count from the newest snapshot. */
export function retentionGrid(sides: Sides, groups: readonly Group[]): string {
  const all = [...(sides.sender ?? []), ...(sides.receiver ?? [])];
  const newestSec = all.reduce((max, { creationSec }) => Math.max(max, creationSec), Number.NEGATIVE_INFINITY);
  let fromSec = 0;
  const drawn = groups.map(({ lengthSec, buckets }) => {
    const shown = Math.min(buckets, MAX_BUCKETS);
    const start = fromSec;
    fromSec += lengthSec * buckets;
    const filled = (versions: readonly FilesystemVersion[] | undefined) =>
      bucketsWith(versions, newestSec, start, lengthSec);
    const [sender, receiver] = [filled(sides.sender), filled(sides.receiver)];
    const text = `${buckets} × ${formatLength(lengthSec)}`;
    const label = `${text}: ${[
      ...(sides.sender === undefined ? [] : [`${countBelow(sender, buckets)} on the sender`]),
      ...(sides.receiver === undefined ? [] : [`${countBelow(receiver, buckets)} on the receiver`]),
    ].join(", ")}`;
    const width = shown * (CELL + 2);
    return (
      `<figure><svg width="${width}" height="${CELL + 1}" viewBox="0 0 ${width} ${CELL + 1}" role="img" aria-label="${label}">` +
      `<title>${label}</title>${cellPaths(shown, sides, sender, receiver)}</svg><figcaption>${text}</figcaption></figure>`
    );
  });
  const older = all.filter(({ creationSec }) => newestSec - creationSec >= fromSec).length;
  const rest = older === 0 ? "" : `<figure><figcaption>${older} older</figcaption></figure>`;
  return `<div class="grid">${drawn.join("")}${rest}</div>`;
}

function bucketsWith(
  versions: readonly FilesystemVersion[] | undefined,
  newestSec: number,
  startSec: number,
  lengthSec: number,
): Set<number> {
  return new Set(
    (versions ?? []).map(({ creationSec }) => Math.floor((newestSec - creationSec - startSec) / lengthSec)),
  );
}

function countBelow(filled: ReadonlySet<number>, buckets: number): number {
  return [...filled].filter((bucket) => bucket >= 0 && bucket < buckets).length;
}

/** All cells of one colour are one path: thousands of filesystems fit on a page. */
function cellPaths(
  shown: number,
  sides: Sides,
  onSender: ReadonlySet<number>,
  onReceiver: ReadonlySet<number>,
): string {
  const paths = { empty: "", sender: "", receiver: "" };
  const draw = (side: "sender" | "receiver", filled: ReadonlySet<number>, top: number, height: number) => {
    for (let i = 0; i < shown; i++)
      paths[filled.has(i) ? side : "empty"] += `M${i * (CELL + 2)} ${top}h${CELL}v${height}h-${CELL}z`;
  };
  const half = CELL / 2;
  if (sides.receiver === undefined) draw("sender", onSender, 0, CELL);
  else if (sides.sender === undefined) draw("receiver", onReceiver, 0, CELL);
  else {
    draw("sender", onSender, 0, half);
    draw("receiver", onReceiver, half + 0.5, half);
  }
  return Object.entries(paths)
    .map(([name, path]) => (path === "" ? "" : `<path class="${name}" d="${path}"/>`))
    .join("");
}

function formatLength(sec: number): string {
  if (sec % (7 * DAY) === 0) return `${sec / (7 * DAY)} w`;
  if (sec % DAY === 0) return `${sec / DAY} d`;
  return sec % HOUR === 0 ? `${sec / HOUR} h` : formatDuration(sec);
}
