/** Inputs of the planner in short. */
import type { ConflictResolution, ReplicationOptions } from "../../src/config/config.ts";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { describeReplicationPlan } from "../../src/replicate/describe.ts";
import { type PlanInput, planReplication } from "../../src/replicate/plan.ts";
import { compareVersions } from "../../src/zfs/version.ts";
import { versions } from "../versions.ts";

export const SENDER_JOB = "push";
export const RECEIVER_JOB = "sink";

export const REPLICATION: ReplicationOptions = {
  protection: { initial: "guarantee_resumability", incremental: "guarantee_incremental" },
  concurrency: { steps: 1, sizeEstimates: 4 },
  snapshots: { include: [], exclude: [] },
  bundle: false,
  retry: { attempts: 3, backoffSec: 1 },
  stallTimeoutSec: 0,
  bookkeeping: { maxSteps: 100, maxDelaySec: 10 },
  onDeadToken: "clear",
};

export const RESOLUTION: ConflictResolution = { initialReplication: "most_recent", diverged: "fail" };

/** A filesystem with a history in the notation of `versions`. */
export function state(filesystem: string, history: string, more: Partial<FilesystemState> = {}): FilesystemState {
  return {
    ...{ filesystem, type: "filesystem", isPlaceholder: false, encrypted: false, resumeToken: undefined },
    ...{ holds: new Map(), refusal: undefined },
    versions: versions(history).sort(compareVersions),
    ...more,
  };
}

export interface Policy extends Partial<ConflictResolution> {
  readonly replication?: Partial<ReplicationOptions>;
}

export function planInput(
  sender: readonly FilesystemState[],
  receiver: readonly FilesystemState[],
  { replication = {}, ...resolution }: Policy = {},
  tokens: PlanInput["tokens"] = new Map(),
): PlanInput {
  return {
    ...{ sender, receiver, tokens, senderJob: SENDER_JOB, receiverJob: RECEIVER_JOB, setAsideSuffix: ".aside" },
    policy: {
      replication: { ...REPLICATION, ...replication },
      conflictResolution: { ...RESOLUTION, ...resolution },
    },
  };
}

/** The plan in words, a line each. */
export function planned(...input: Parameters<typeof planInput>): string[] {
  return describeReplicationPlan(planReplication(planInput(...input)), { receiverName: (name) => `sink/${name}` });
}
