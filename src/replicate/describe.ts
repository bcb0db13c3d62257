/** A replication plan for a person (`--dry-run`, `test plan`). */

import { formatBytes } from "../report/format.ts";
import { unreachable } from "../unreachable.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";
import { describeConflict } from "./conflict.ts";
import type { FilesystemPlan, Preparation, ReplicationPlan } from "./plan.ts";
import { type Step, stepName } from "./plan-steps.ts";

export interface DescribeOptions {
  /** The receiver's own name of a filesystem, for commands in explanations. */
  readonly receiverName: (filesystem: string) => string;
  /** Estimated bytes; undefined = unknown. Absent function = don't show. */
  readonly estimate?: (step: Step) => number | undefined;
}

/** One block of lines per filesystem, in the plan's order; nothing for a filesystem with nothing to do. */
export function describeReplicationPlan(plan: ReplicationPlan, options: DescribeOptions): string[] {
  return plan.filesystems.flatMap((filesystem) => describeFilesystem(filesystem, options));
}

function describeFilesystem(plan: FilesystemPlan, options: DescribeOptions): string[] {
  const { filesystem } = plan;
  switch (plan.outcome) {
    case "nothing":
      return [`${filesystem}: nothing to do: ${plan.reason}`];
    case "upToDate":
      return [
        `${filesystem}: up to date at ${relativeName(plan.at)}`,
        ...plan.preparations.map(describePreparation),
        ...(plan.healing?.cursorTo === undefined
          ? []
          : [`  move the replication cursor to ${relativeName(plan.healing.cursorTo)}`]),
        ...(plan.healing?.lastReceivedTo === undefined
          ? []
          : [`  put the last-received hold on ${relativeName(plan.healing.lastReceivedTo)}`]),
      ];
    case "refused":
      return [`${filesystem}: cannot be replicated: ${plan.message}`];
    case "conflict": {
      const [first = "", ...rest] = describeConflict(plan.conflict, options.receiverName(filesystem));
      return [`${filesystem}: conflict: ${first}`, ...rest.map((line) => `  ${line}`)];
    }
    case "steps":
      return [
        `${filesystem}: ${plan.steps.length === 1 ? "1 step" : `${plan.steps.length} steps`}`,
        ...plan.preparations.map(describePreparation),
        ...plan.steps.map((step) => describeStep(step, options)),
      ];
    default:
      return unreachable(plan);
  }
}

function describePreparation(preparation: Preparation): string {
  switch (preparation.do) {
    case "clearToken":
      return `  discard the interrupted receive: ${preparation.reason}`;
    case "rollback":
      return `  roll the receiver back to ${relativeName(preparation.to)}, destroying ${names(preparation.destroys)}`;
    case "setAside":
      return `  rename the receiver's filesystem to …${preparation.suffix}`;
    default:
      return unreachable(preparation);
  }
}

function describeStep(step: Step, { estimate }: DescribeOptions): string {
  const how = step.resumeToken === undefined ? "send" : "resume";
  const bundle = step.via.length === 0 ? "" : ` with ${step.via.length} in between`;
  const bytes = estimate?.(step);
  const size =
    estimate === undefined ? "" : ` (${bytes === undefined ? "size unknown" : `about ${formatBytes(bytes)}`})`;
  return `  ${how} ${stepName(step)}${bundle}${size}: ${reason(step)}`;
}

function reason(step: Step): string {
  if (step.resumeToken !== undefined) return "the receiver has part of it";
  if (step.from === undefined) return "not on the receiver yet";
  return step.from.kind === "bookmark"
    ? "newest common version is a bookmark"
    : "next after the newest common snapshot";
}

function names(versions: readonly FilesystemVersion[]): string {
  return versions.map(relativeName).join(" ");
}
