/**
 * Everything a command has to say while it works: a closed union, so that every renderer handles every event. With
 * `--json` these are the lines on stdout (schemas/events.schema.json).
 */

export type LogLevel = "debug" | "info" | "warn" | "error";

export type Phase = "snapshot" | "replicate" | "prune";

export type Event =
  | {
      readonly event: "log";
      readonly level: LogLevel;
      readonly job?: string;
      readonly filesystem?: string;
      readonly message: string;
    }
  | { readonly event: "snapshotTaken"; readonly job: string; readonly filesystem: string; readonly name: string }
  /** A hook's edge ran, or was skipped because something before it failed. */
  | {
      readonly event: "hookDone";
      readonly job: string;
      /** Of a hook around a snapshot. */
      readonly filesystem?: string;
      /** Path of the program, or type of the hook. */
      readonly hook: string;
      readonly type: "pre_snapshot" | "post_snapshot" | "pre_replicate" | "post_replicate";
      readonly status: "ok" | "failed" | "skippedDueToPreError" | "skippedDueToFatalError";
      readonly message?: string;
      readonly seconds: number;
    }
  | ({ readonly event: "stepStarted"; readonly resumed: boolean } & StepIdentity)
  | ({ readonly event: "stepDone"; readonly bytes: number; readonly seconds: number } & StepIdentity)
  | {
      readonly event: "filesystemFailed";
      readonly job: string;
      readonly phase: Phase;
      readonly filesystem: string;
      readonly message: string;
      readonly hint?: string;
      /** Trying again may help. */
      readonly temporary: boolean;
    }
  | {
      readonly event: "snapshotDestroyed";
      readonly job: string;
      readonly side: string;
      readonly filesystem: string;
      readonly name: string;
      readonly guid: string;
    }
  | {
      readonly event: "snapshotKept";
      readonly job: string;
      readonly side: string;
      readonly filesystem: string;
      readonly name: string;
      readonly guid: string;
      readonly reason: string;
    }
  /** A line of a plan (`--dry-run`) for people; with `--json` the plan comes as `planned…` events instead. */
  | { readonly event: "planText"; readonly job: string; readonly text: string }
  | PlannedEvent
  | {
      readonly event: "phaseDone";
      readonly job: string;
      readonly phase: Phase;
      readonly side?: string;
      readonly done: number;
      readonly failed: number;
      readonly summary: string;
    }
  /** One check of `doctor`. */
  | {
      readonly event: "checked";
      readonly job: string;
      /** What was looked at: zfs, locks, filter, permissions, rootFs, connection, clock, prune, listing, features, serve. */
      readonly check: string;
      readonly status: "ok" | "warn" | "fail";
      readonly detail: string;
      readonly remedy?: string;
    }
  /** Always the last line of `--json`. */
  | { readonly event: "end"; readonly exitCode: number; readonly error?: string; readonly hint?: string };

/** What a dry run would do. */
export type PlannedEvent =
  | { readonly event: "plannedSnapshot"; readonly job: string; readonly filesystem: string; readonly name: string }
  | ({ readonly event: "plannedStep"; readonly resumed: boolean; readonly estimatedBytes?: number } & StepIdentity)
  | {
      readonly event: "plannedConflict";
      readonly job: string;
      readonly filesystem: string;
      readonly conflict: string;
      readonly explanation: readonly string[];
    }
  | {
      readonly event: "plannedPrune";
      readonly job: string;
      readonly side: string;
      readonly filesystem: string;
      readonly name: string;
      readonly guid: string;
      readonly creationSec: number;
      readonly action: "keep" | "destroy";
      /** Why it is kept, one entry per rule or other reason; empty if it is destroyed. */
      readonly reasons: readonly string[];
    }
  /** One per filesystem, after its snapshots. */
  | {
      readonly event: "plannedPruneFilesystem";
      readonly job: string;
      readonly side: string;
      readonly filesystem: string;
      /** Numbers of snapshots. */
      readonly destroy: number;
      readonly keep: number;
      /** No rule keeps them, but holds do. */
      readonly held: number;
      /** What destroying would free, as `zfs destroy -nvp` says; absent = unknown. */
      readonly reclaimBytes?: number;
      /** Why the filesystem is not pruned. */
      readonly skipped?: string;
    };

interface StepIdentity {
  readonly job: string;
  readonly filesystem: string;
  readonly kind: "full" | "incremental";
  /** `@name` or `#name`. */
  readonly from?: string;
  readonly to: string;
  /** Step n of m of this filesystem, counted from 1. */
  readonly step: number;
  readonly steps: number;
}

/** How far a running step is. Not an event: it is drawn, not recorded. */
export interface StepProgress {
  readonly job: string;
  readonly filesystem: string;
  readonly step: number;
  readonly steps: number;
  readonly bytes: number;
  /** undefined = unknown. */
  readonly totalBytes: number | undefined;
}

/** Where events go. */
export interface Reporter {
  emit(event: Event): void;
  progress(progress: StepProgress): void;
  /** Whether plans are wanted as text for people (else as `planned…` events). */
  readonly wantsText: boolean;
  /** Colours a part of a plan; absent = stdout is no terminal, or colour is not wanted. */
  readonly paintPlan?: ((fate: "keep" | "destroy" | "held", text: string) => string) | undefined;
}
