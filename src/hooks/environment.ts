/** The environment of hooks (zrepl-behaviour.md §6.5). Pure. */

/** Where in a job's life a hook runs; ZREPL_HOOKTYPE. */
export type HookType = "pre_snapshot" | "post_snapshot" | "pre_replicate" | "post_replicate";

export interface HookSituation {
  readonly type: HookType;
  readonly dryRun: boolean;
  readonly timeoutSec: number;
  readonly job: string;
  /** Of hooks around a snapshot. */
  readonly snapshot?: { readonly filesystem: string; readonly name: string };
  /** What replication came to, for `post_replicate`. */
  readonly outcome?: ReplicationOutcome;
}

export interface ReplicationOutcome {
  readonly outcome: "ok" | "partial" | "failed" | "interrupted";
  /** Filesystems. */
  readonly done: number;
  readonly failed: number;
  /** Why, in one line; empty if ok. */
  readonly error: string;
}

/** zrepl's variables, and those that are ours: ZREPL_JOB, and the outcome of a replication. */
export function hookVariables(situation: HookSituation): Record<string, string> {
  const { type, dryRun, timeoutSec, job, snapshot, outcome } = situation;
  return {
    ZREPL_HOOKTYPE: type,
    ZREPL_JOB: job,
    ...(snapshot === undefined ? {} : { ZREPL_FS: snapshot.filesystem, ZREPL_SNAPNAME: snapshot.name }),
    ZREPL_DRYRUN: dryRun ? "true" : "",
    ZREPL_TIMEOUT: String(Math.floor(timeoutSec)),
    ...(outcome === undefined
      ? {}
      : {
          ZREPL_OUTCOME: outcome.outcome,
          ZREPL_FILESYSTEMS_DONE: String(outcome.done),
          ZREPL_FILESYSTEMS_FAILED: String(outcome.failed),
          ZREPL_ERROR: outcome.error,
        }),
  };
}
