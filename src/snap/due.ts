import type { Snapshotting } from "../config/config.ts";
import { unreachable } from "../unreachable.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";
import { nextFireSec } from "./cron.ts";

/** A filesystem of the job, with its versions in any order; bookmarks do not count. */
export interface DueFilesystem {
  readonly filesystem: string;
  readonly versions: readonly FilesystemVersion[];
}

export interface DueOptions {
  /** A timer may fire so much early, and clocks may differ so much: that near to its time, a round is due. */
  readonly slackSec: number;
  /** Zone of a cron expression; default the local one, as in zrepl. */
  readonly location?: string;
}

/** Whether to take the job's snapshots now. */
export type DueDecision = {
  /** For the operator, one line. */
  readonly reason: string;
  /** When the next round is due; if one is due now, the one after it. Undefined if never. */
  readonly nextDueSec: number | undefined;
  /** Filesystems whose newest snapshot is in the future: they take no part in the decision. */
  readonly problems: readonly { readonly filesystem: string; readonly problem: string }[];
} & (
  | {
      readonly outcome: "due";
      /** The filesystems that made the round due, sorted. */
      readonly late: readonly string[];
      /**
       * Those to snapshot in this round: the late ones, those without any snapshot with the prefix, and those whose newest is
       * in the future, since its age says nothing. The others have had theirs, e.g. by `snap` in between.
       */
      readonly take: ReadonlySet<string>;
    }
  /** `error`: every filesystem has a problem. */
  | { readonly outcome: "notDue" | "error" }
);

export type Automatic = Exclude<Snapshotting, { type: "manual" }>;

/**
 * zrepl's sync-up rule for one invocation (§6.2 [RUN]): a round is due if no filesystem has a snapshot with the prefix, or
 * if for the one that waits longest the interval is over. For cron, `over` means that a fire time came since then (zrepl has
 * no such catch-up, §6.3). A filesystem without snapshots waits for the others.
 */
export function isDue(
  snapshotting: Snapshotting,
  filesystems: readonly DueFilesystem[],
  nowSec: number,
  options: DueOptions,
): DueDecision {
  if (snapshotting.type === "manual") {
    return { outcome: "notDue", reason: "snapshotting is manual", nextDueSec: undefined, problems: [] };
  }
  const newest = filesystems.flatMap((entry) => newestWithPrefix(entry, snapshotting.prefix));
  const isFuture = ({ snapshot }: Newest) => snapshot.creationSec > nowSec + options.slackSec;
  const problems = newest.filter(isFuture).map(({ filesystem, snapshot }) => ({
    filesystem,
    problem: `newest snapshot @${snapshot.name} was created in the future: is the clock right?`,
  }));
  if (filesystems.length > 0 && problems.length === filesystems.length) {
    return { outcome: "error", reason: "all newest snapshots are in the future", nextDueSec: undefined, problems };
  }
  const candidates = newest
    .filter((entry) => !isFuture(entry))
    .map(({ filesystem, snapshot }) => ({
      filesystem,
      dueSec: followingSec(snapshotting, snapshot.creationSec, options),
    }));
  const decision = decide(snapshotting, candidates, nowSec, options);
  if (decision.outcome === "notDue") return { ...decision, problems };
  const late = new Set(decision.late);
  const upToDate = new Set(
    candidates.map(({ filesystem }) => filesystem).filter((filesystem) => !late.has(filesystem)),
  );
  const take = filesystems.map(({ filesystem }) => filesystem).filter((filesystem) => !upToDate.has(filesystem));
  return { ...decision, take: new Set(take), problems };
}

function decide(
  snapshotting: Automatic,
  candidates: readonly { readonly filesystem: string; readonly dueSec: number | undefined }[],
  nowSec: number,
  options: DueOptions,
): { reason: string; nextDueSec: number | undefined } & ({ outcome: "due"; late: string[] } | { outcome: "notDue" }) {
  const afterThisSec = followingSec(snapshotting, nowSec, options);
  if (candidates.length === 0) {
    const reason = `no filesystem has a snapshot with prefix ${snapshotting.prefix}`;
    return { outcome: "due", reason, nextDueSec: afterThisSec, late: [] };
  }
  const isLate = (dueSec: number | undefined) => dueSec !== undefined && dueSec <= nowSec + options.slackSec;
  const late = candidates.filter(({ dueSec }) => isLate(dueSec)).map(({ filesystem }) => filesystem);
  const [first] = late.sort();
  if (first === undefined) {
    const times = candidates.flatMap(({ dueSec }) => (dueSec === undefined ? [] : [dueSec]));
    const nextDueSec = times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
    return { outcome: "notDue", reason: notDueReason(snapshotting), nextDueSec };
  }
  const others = late.length === 1 ? "" : ` and ${late.length - 1} more`;
  return { outcome: "due", reason: `${dueReason(snapshotting)} ${first}${others}`, nextDueSec: afterThisSec, late };
}

/**
 * When the round after a snapshot taken at `creationSec` is due; a snapshot that was a bit early counts for its
 * fire time.
 */
export function followingSec(snapshotting: Automatic, creationSec: number, options: DueOptions): number | undefined {
  switch (snapshotting.type) {
    case "periodic":
      return creationSec + snapshotting.intervalSec;
    case "cron":
      return nextFireSec(snapshotting.cron, creationSec + options.slackSec, options.location);
    default:
      return unreachable(snapshotting);
  }
}

function dueReason(snapshotting: Automatic): string {
  return snapshotting.type === "cron" ? "a time of the schedule has come for" : "the interval is over for";
}

function notDueReason(snapshotting: Automatic): string {
  return snapshotting.type === "cron" ? "no time of the schedule has come" : "the interval is not over";
}

interface Newest {
  readonly filesystem: string;
  readonly snapshot: FilesystemVersion;
}

/** None or one. */
export function newestWithPrefix({ filesystem, versions }: DueFilesystem, prefix: string): Newest[] {
  let newest: FilesystemVersion | undefined;
  for (const version of versions) {
    if (version.kind !== "snapshot" || !version.name.startsWith(prefix)) continue;
    if (newest === undefined || compareVersions(version, newest) > 0) newest = version;
  }
  return newest === undefined ? [] : [{ filesystem, snapshot: newest }];
}
