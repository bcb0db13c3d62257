/** What is kept and what is not, as the config says it: see config.ts. */
import type { Pattern } from "./config.ts";

export interface GridInterval {
  readonly lengthSec: number;
  readonly keep: number | "all";
}

/** Keep rules (§2.17); `text` is how the rule is shown as a reason. */
export type KeepRule =
  | { readonly type: "not_replicated"; readonly keepSnapshotAtCursor: boolean; readonly text: string }
  | { readonly type: "last_n"; readonly count: number; readonly regex?: Pattern; readonly text: string }
  | {
      readonly type: "grid";
      readonly intervals: readonly GridInterval[];
      readonly regex: Pattern;
      readonly text: string;
    }
  | { readonly type: "regex"; readonly regex: Pattern; readonly negate: boolean; readonly text: string }
  /** Extension: the newest snapshot of each of so many hours, days, … that have one. */
  | {
      readonly type: "calendar";
      readonly counts: CalendarCounts;
      /** IANA name, `UTC` or `Local`. */
      readonly location: string;
      readonly regex?: Pattern;
      readonly text: string;
    };

export interface CalendarCounts {
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
}

/** Extension: what no keep rule may overrule (src/prune/plan.ts). */
export interface PruneGuards {
  /** Nothing younger is destroyed; absent = no such guard. */
  readonly minAgeSec?: number;
  /** What is older goes although a rule keeps it; absent = no such guard. */
  readonly maxAgeSec?: number;
  /** Whether a filesystem may lose all its snapshots; absent = no. */
  readonly allowEmpty?: boolean;
  /** If more is to be destroyed on one side, nothing is; absent = no limit. */
  readonly maxDestroy?: DestroyLimit;
}

export type DestroyLimit = { readonly count: number } | { readonly percent: number };

/** Pruning of one side by itself. */
export interface LocalPruning extends PruneGuards {
  readonly keep: readonly KeepRule[];
}

/** Pruning of both sides by the job that replicates. */
export interface BothPruning extends PruneGuards {
  readonly keepSender: readonly KeepRule[];
  readonly keepReceiver: readonly KeepRule[];
  /** What to do on the receiver with filesystems that the sender no longer has; absent = keep. */
  readonly vanished?: "keep" | "prune";
}
