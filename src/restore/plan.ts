/**
 * What a restore will do: a replication with the roles swapped, in which the receiving filesystem is the operator's. So
 * whatever would need something of it to go is refused, with what can be done instead. Pure.
 */
import type { ReplicationOptions } from "../config/config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import type { Conflict } from "../replicate/conflict.ts";
import { type FilesystemPlan, planReplication, type ReplicationPlan } from "../replicate/plan.ts";
import { judgeToken } from "../replicate/resume.ts";
import { count, formatBytes } from "../report/format.ts";
import { ancestorsOf, filesystemNameProblem, isBelow } from "../zfs/name.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { relativeName } from "../zfs/version.ts";
import type { Choice } from "./choose.ts";

export interface RestoreInput {
  readonly choices: readonly Choice[];
  /** The targets that exist, under the names of the originals. */
  readonly targets: readonly FilesystemState[];
  /** Those of the targets' parents that exist. */
  readonly parents: ReadonlySet<string>;
  /** Decoded resume tokens of the targets; undefined value = corrupt. */
  readonly tokens: ReadonlyMap<string, ResumeToken | undefined>;
  /** Bytes written to targets since their newest snapshot. */
  readonly written: ReadonlyMap<string, number>;
  readonly ontoOriginal: boolean;
  readonly replication: ReplicationOptions;
  /** Where the replicas are, if on this host: nothing is restored there. */
  readonly replicaRoot: string | undefined;
  /** The jobs whose names are on both sides' bookmarks and holds. */
  readonly senderJob: string;
  readonly receiverJob: string;
}

export function planRestore(input: RestoreInput): ReplicationPlan {
  const replication: ReplicationOptions = {
    ...input.replication,
    protection: { initial: "guarantee_resumability", incremental: "guarantee_resumability" },
    snapshots: { include: [], exclude: [] },
    onDeadToken: "fail",
  };
  const planned = planReplication({
    sender: input.choices.flatMap(({ replica }) => replica ?? []),
    receiver: input.targets,
    tokens: input.tokens,
    senderJob: input.senderJob,
    receiverJob: input.receiverJob,
    policy: { replication, conflictResolution: { initialReplication: "most_recent", diverged: "fail" } },
    setAsideSuffix: "",
  });
  const plans = new Map(planned.filesystems.map((plan) => [plan.filesystem, plan]));
  const targets = new Map(input.targets.map((state) => [state.filesystem, state]));
  const coming = new Set<string>();
  const filesystems = input.choices.map((choice): FilesystemPlan => {
    const { filesystem, target, reason } = choice;
    const plan = plans.get(filesystem) ?? { filesystem, outcome: "nothing" as const, reason };
    const problem =
      plan.outcome === "nothing" ? undefined : problemOf(choice, plan, targets.get(filesystem), coming, input);
    if (problem !== undefined)
      return { filesystem, outcome: "refused", message: problem, onReceiver: targets.has(filesystem) };
    if (plan.outcome === "steps") coming.add(target);
    if (plan.outcome !== "upToDate") return plan;
    // the cursor and the hold of a restore that was interrupted after its last byte
    const restored = targets
      .get(filesystem)
      ?.versions.find(({ kind, guid }) => kind === "snapshot" && guid === plan.at.guid);
    return { ...plan, healing: { cursorTo: plan.at, lastReceivedTo: restored } };
  });
  return { filesystems };
}

/** Why a filesystem can't be restored, or undefined. */
function problemOf(
  choice: Choice,
  plan: FilesystemPlan,
  existing: FilesystemState | undefined,
  coming: ReadonlySet<string>,
  input: RestoreInput,
): string | undefined {
  const { filesystem, target } = choice;
  const { replicaRoot, parents } = input;
  const nameProblem = filesystemNameProblem(target);
  if (nameProblem !== undefined) return `the name ${JSON.stringify(target)} ${nameProblem}`;
  if (replicaRoot !== undefined && (target === replicaRoot || isBelow(target, replicaRoot)))
    return `${target} is where the replicas are`;
  if (existing === undefined) {
    const parent = ancestorsOf(target).at(-1);
    if (parent === undefined) return `there is no pool ${target}: create it, or restore somewhere else with --to`;
    if (!parents.has(parent) && !coming.has(parent))
      return `${target} can't be created: there is no ${parent}; create it as it was: zfs create -p ${parent}`;
    return undefined;
  }
  if (existing.resumeToken !== undefined) return tokenProblem(choice, existing, input);
  const changed = input.written.get(filesystem) ?? 0;
  const beside = "restore beside it with --to NAME";
  switch (plan.outcome) {
    case "upToDate":
      return changed === 0
        ? undefined
        : `${target} is at ${relativeName(plan.at)} and has ${formatBytes(changed)} written since; ${beside}, or discard what was written: zfs rollback ${target}${relativeName(plan.at)}`;
    case "steps": {
      const [first] = plan.steps;
      const from = first?.from;
      const to = plan.steps.at(-1)?.to;
      if (from === undefined || to === undefined) return `${target} exists; ${beside}`;
      if (changed > 0)
        return `${target} exists and has ${formatBytes(changed)} written since ${relativeName(from)}; ${beside}`;
      if (target !== filesystem) return `${target} exists; choose another name`;
      return input.ontoOriginal
        ? undefined
        : `${target} exists; ${beside}, or bring it from ${relativeName(from)} to ${relativeName(to)} with --onto-original`;
    }
    case "conflict":
      return `${target} exists ${describe(plan.conflict)}; ${beside}`;
    case "refused":
      return `${target} exists: ${plan.message}`;
    default:
      return undefined;
  }
}

function tokenProblem(
  { filesystem, target, replica }: Choice,
  existing: FilesystemState,
  { tokens, ontoOriginal }: RestoreInput,
): string | undefined {
  if (replica === undefined) return undefined;
  const verdict = judgeToken(tokens.get(filesystem), replica, existing, {
    policy: { replication: { snapshots: { include: [], exclude: [] } } },
  });
  if (verdict.kind === "dead")
    return `${target} has an interrupted receive that this restore can't go on with: ${verdict.reason}; if it is not needed: zfs recv -A ${target}`;
  if (verdict.from === undefined || (ontoOriginal && target === filesystem)) return undefined;
  return `${target} exists, with an interrupted restore from ${relativeName(verdict.from)}: go on with --onto-original`;
}

function describe(conflict: Conflict): string {
  switch (conflict.kind) {
    case "diverged": {
      const [first] = conflict.receiverOnly;
      const since = first === undefined ? "" : `, the first of them ${relativeName(first)}`;
      return `with ${count(conflict.receiverOnly.length, "snapshot")} since ${relativeName(conflict.common)}${since}`;
    }
    case "noCommonAncestor":
      return "and has no snapshot in common with its replica";
    case "receiverWithoutSnapshots":
      return "and has no snapshots";
  }
}
