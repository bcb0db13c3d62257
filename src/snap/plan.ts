/** Which snapshots a round takes, and which of them together. Pure. */

import { poolOf, snapshotNameProblem } from "../zfs/name.ts";

export interface SnapFilesystem {
  readonly filesystem: string;
  readonly isPlaceholder: boolean;
}

export interface PlannedSnapshot {
  readonly filesystem: string;
  readonly name: string;
}

export interface SnapPlan {
  /** Each group is one atomic `zfs snapshot`: all of it shares a createtxg. */
  readonly groups: readonly (readonly PlannedSnapshot[])[];
  /** Filesystems whose snapshot would have an impossible name. */
  readonly impossible: readonly { readonly filesystem: string; readonly problem: string }[];
  /** Placeholders hold nothing: there is no snapshot of them. */
  readonly placeholders: readonly string[];
}

/** One group per pool. `name` is the part after `@`. */
export function planSnapshots(filesystems: readonly SnapFilesystem[], name: string): SnapPlan {
  const groups = new Map<string, PlannedSnapshot[]>();
  const impossible: { filesystem: string; problem: string }[] = [];
  const placeholders: string[] = [];
  for (const { filesystem, isPlaceholder } of filesystems) {
    const problem = snapshotNameProblem(`${filesystem}@${name}`);
    if (isPlaceholder) placeholders.push(filesystem);
    else if (problem !== undefined) impossible.push({ filesystem, problem: `${filesystem}@${name} ${problem}` });
    else {
      const pool = poolOf(filesystem);
      const group = groups.get(pool) ?? [];
      groups.set(pool, [...group, { filesystem, name }]);
    }
  }
  return { groups: [...groups.values()], impossible, placeholders };
}
