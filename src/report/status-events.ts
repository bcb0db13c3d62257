/** What `status`, `report` and `monitor` say about filesystems and jobs. schemas/events.schema.json says what each key is. */
import type {
  FilesystemStatus as FilesystemStatusEvent,
  Health,
  JobStatus as JobStatusEvent,
} from "../generated/event.ts";

export type {
  CheckState,
  Finding,
  Health,
  HoldStatus,
  InterruptedStatus,
  LagStatus,
  Metric,
  RunningStatus,
  SideName,
  SideStatus,
  VersionStatus,
} from "../generated/event.ts";

/** Worst first. */
export const HEALTHS: readonly Health[] = ["failed", "warning", "unknown", "behind", "running", "ok"];

export type FilesystemStatus = Omit<FilesystemStatusEvent, "event" | "job">;

export type JobStatus = Omit<JobStatusEvent, "event">;
