/** How one filesystem is, in a word and a sentence: what replication would say of it, and whether snapshots are late. Pure. */
import type { Snapshotting } from "../config/config.ts";
import { describeConflict, summarizeConflict } from "../replicate/conflict.ts";
import type { FilesystemPlan, Preparation } from "../replicate/plan.ts";
import { formatDuration } from "../report/format.ts";
import type { Health } from "../report/status-events.ts";
import { followingSec } from "../snap/due.ts";
import { unreachable } from "../unreachable.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

export interface Judgement {
  readonly health: Health;
  readonly problem?: string;
  readonly explanation: readonly string[];
}

const SLACK_SEC = 10;

const fine = (health: Health): Judgement => ({ health, explanation: [] });
const warning = (problem: string): Judgement => ({ health: "warning", problem, explanation: [] });

/** What a replication that was planned now would say. */
export function judgePlan(plan: FilesystemPlan, receiverName: string): Judgement {
  switch (plan.outcome) {
    case "conflict": {
      const [, ...explanation] = describeConflict(plan.conflict, receiverName);
      return { health: "failed", problem: summarizeConflict(plan.conflict), explanation };
    }
    case "refused":
      return { health: "failed", problem: plan.message, explanation: [] };
    case "nothing":
      return plan.reason === "placeholder" ? fine("ok") : warning(plan.reason);
    case "steps":
    case "upToDate": {
      const [preparation] = plan.preparations;
      if (preparation !== undefined) return warning(preparationText(preparation));
      return fine(plan.outcome === "steps" ? "behind" : "ok");
    }
    default:
      return unreachable(plan);
  }
}

function preparationText(preparation: Preparation): string {
  switch (preparation.do) {
    case "clearToken":
      return `the interrupted receive can't go on and will be discarded: ${preparation.reason}`;
    case "rollback":
      return `diverged: the next replication rolls the receiver back to ${relativeName(preparation.to)}`;
    case "setAside":
      return "diverged: the next replication sets the receiver's filesystem aside and sends it again";
    default:
      return unreachable(preparation);
  }
}

/** When the next snapshot of a filesystem is due, and since when one is overdue: a whole round has been left out. */
export interface DueTimes {
  readonly nextDueSec?: number;
  readonly overdueSinceSec?: number;
}

/** `memo` saves asking a cron schedule the same thing for every filesystem of a round. */
export function dueTimes(
  snapshotting: Snapshotting,
  snapshots: readonly FilesystemVersion[],
  nowSec: number,
  memo: Map<number, DueTimes>,
): DueTimes {
  if (snapshotting.type === "manual") return {};
  const newest = snapshots.findLast(({ name }) => name.startsWith(snapshotting.prefix));
  if (newest === undefined) return { nextDueSec: nowSec };
  const known = memo.get(newest.creationSec);
  if (known !== undefined) return known;
  const nextDueSec = followingSec(snapshotting, newest.creationSec, { slackSec: SLACK_SEC });
  const after = nextDueSec === undefined ? undefined : followingSec(snapshotting, nextDueSec, { slackSec: SLACK_SEC });
  const times: DueTimes = {
    ...(nextDueSec === undefined ? {} : { nextDueSec }),
    ...(nextDueSec === undefined || after === undefined || after > nowSec ? {} : { overdueSinceSec: nextDueSec }),
  };
  memo.set(newest.creationSec, times);
  return times;
}

/** What is wrong with the snapshots themselves, if anything. */
export function judgeSnapshots(
  snapshots: readonly FilesystemVersion[],
  { overdueSinceSec }: DueTimes,
  nowSec: number,
): Judgement {
  const newest = snapshots.at(-1);
  if (newest === undefined) return warning("no snapshots");
  if (newest.creationSec > nowSec + SLACK_SEC)
    return warning(`newest snapshot @${newest.name} was created in the future: is the clock right?`);
  if (overdueSinceSec !== undefined)
    return warning(`a snapshot is overdue for ${formatDuration(nowSec - overdueSinceSec)}`);
  return fine("ok");
}
