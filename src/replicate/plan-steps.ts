/** From the snapshots to be sent to the steps that send them. */
import type { Guarantee, ReplicationOptions } from "../config/config.ts";
import type { FilesystemState, StepRequest } from "../endpoint/endpoint.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

/** One `zfs send | zfs recv`. */
export interface Step extends StepRequest {
  /** How the receiver protects what it got (§3.4). */
  readonly receiverGuarantee: Guarantee;
}

interface FirstStep {
  readonly from: FilesystemVersion | undefined;
  readonly to: FilesystemVersion;
  readonly resumeToken?: string;
}

/** One step per snapshot, or with `bundle` one per run of snapshots that follow each other. */
export function buildSteps(
  sender: FilesystemState,
  receiver: FilesystemState | undefined,
  first: FirstStep,
  later: readonly FilesystemVersion[],
  replication: ReplicationOptions,
): Step[] {
  const { protection, bundle } = replication;
  const step = (
    from: FilesystemVersion | undefined,
    to: FilesystemVersion,
    receiverHasIt: boolean,
    token?: string,
  ): Step => ({
    filesystem: sender.filesystem,
    type: sender.type,
    from,
    via: [],
    to,
    resumeToken: token,
    guarantee: from === undefined ? protection.initial : protection.incremental,
    receiverGuarantee: receiverHasIt ? protection.incremental : protection.initial,
  });
  const steps = [step(first.from, first.to, receiver !== undefined, first.resumeToken)];
  let from = first.to;
  for (const to of later) {
    steps.push(step(from, to, true));
    from = to;
  }
  return bundle && steps.length > 1 ? bundleSteps(steps, sender) : steps;
}

/** Joins incremental steps whose snapshots follow each other on the sender without one that is not chosen in between. */
function bundleSteps(steps: readonly Step[], sender: FilesystemState): Step[] {
  const snapshots = sender.versions.filter(({ kind }) => kind === "snapshot");
  const position = new Map(snapshots.map(({ guid }, index) => [guid, index]));
  const follows = (from: FilesystemVersion, to: FilesystemVersion) =>
    position.get(to.guid) === (position.get(from.guid) ?? -2) + 1;
  const bundled: Step[] = [];
  for (const step of steps) {
    const last = bundled.at(-1);
    const joins =
      last?.from?.kind === "snapshot" &&
      last.resumeToken === undefined &&
      follows(last.to, step.to) &&
      (last.via.length > 0 || follows(last.from, last.to));
    if (last !== undefined && joins)
      bundled[bundled.length - 1] = { ...last, via: [...last.via, last.to], to: step.to };
    else bundled.push(step);
  }
  return bundled;
}

/** The sender's snapshots that the config wants replicated, oldest first. */
export function chosenSnapshots(sender: FilesystemState, replication: ChoiceOptions): FilesystemVersion[] {
  return sender.versions.filter((version) => version.kind === "snapshot" && isChosen(version, replication));
}

type ChoiceOptions = Pick<ReplicationOptions, "snapshots">;

/** Whether `replication.snapshots` lets a snapshot go to the receiver. */
export function isChosen(snapshot: FilesystemVersion, replication: ChoiceOptions): boolean {
  const { include, exclude } = replication.snapshots;
  const included = include.length === 0 || include.some((pattern) => pattern.test(snapshot.name));
  return included && !exclude.some((pattern) => pattern.test(snapshot.name));
}

/** `@a` for messages about steps. */
export function stepName(step: Pick<Step, "from" | "to">): string {
  return step.from === undefined
    ? `full ${relativeName(step.to)}`
    : `${relativeName(step.from)} → ${relativeName(step.to)}`;
}
