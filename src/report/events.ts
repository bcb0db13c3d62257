/**
 * Everything a command has to say while it works: a closed union, so that every renderer handles every event. With
 * `--json` these are the lines on stdout. schemas/events.schema.json is the source of their shape; the types are
 * generated from it.
 */
import type { Event } from "../generated/event.ts";

export type { Event, LogLevel } from "../generated/event.ts";

/** Of schemas/events.schema.json, in its `$id` too: `v` of the first and the last line. */
export const CONTRACT = 1;

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
  /** Told how many steps a job's replication, or a further attempt at it, is about to do; absent = nobody wants to know. */
  planned?(job: string, steps: number): void;
  /** The filesystem's running step is over, but not done. */
  stepFailed?(filesystem: string): void;
  /** Whether plans are wanted as text for people (else as `planned…` events). */
  readonly wantsText: boolean;
  /** Colours a part of a plan; absent = stdout is no terminal, or colour is not wanted. */
  readonly paintPlan?: ((fate: "keep" | "destroy" | "held", text: string) => string) | undefined;
}
