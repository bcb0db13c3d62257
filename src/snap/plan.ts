/** Which snapshots a round takes, and which of them together. Pure. */

import type { HookConfig } from "../config/config.ts";
import { poolOf, snapshotNameProblem } from "../zfs/name.ts";

export interface SnapFilesystem {
  readonly filesystem: string;
  readonly isPlaceholder: boolean;
}

export interface PlannedSnapshot {
  readonly filesystem: string;
  readonly name: string;
}

/** A snapshot with hooks around it: they run for it alone, so it is taken alone. */
export interface HookedSnapshot extends PlannedSnapshot {
  /** At least one, in the config's order. */
  readonly hooks: readonly HookConfig[];
}

export interface SnapPlan {
  /** Each group is one atomic `zfs snapshot`: all of it shares a createtxg. */
  readonly groups: readonly (readonly PlannedSnapshot[])[];
  /** Taken one by one, after the groups. */
  readonly hooked: readonly HookedSnapshot[];
  /** Filesystems whose snapshot would have an impossible name. */
  readonly impossible: readonly { readonly filesystem: string; readonly problem: string }[];
  /** Placeholders hold nothing: there is no snapshot of them. */
  readonly placeholders: readonly string[];
  /** Hooks that are for none of the filesystems, which is more likely a mistake. */
  readonly idleHooks: readonly HookConfig[];
}

/** One group per pool of what no hook needs apart. `name` is the part after `@`. */
export function planSnapshots(
  filesystems: readonly SnapFilesystem[],
  name: string,
  hooks: readonly HookConfig[] = [],
): SnapPlan {
  const groups = new Map<string, PlannedSnapshot[]>();
  const hooked: HookedSnapshot[] = [];
  const impossible: { filesystem: string; problem: string }[] = [];
  const placeholders: string[] = [];
  for (const { filesystem, isPlaceholder } of filesystems) {
    const problem = snapshotNameProblem(`${filesystem}@${name}`);
    const own = hooks.filter((hook) => hook.filesystems.match(filesystem));
    if (isPlaceholder) placeholders.push(filesystem);
    else if (problem !== undefined) impossible.push({ filesystem, problem: `${filesystem}@${name} ${problem}` });
    else if (own.length > 0) hooked.push({ filesystem, name, hooks: own });
    else {
      const pool = poolOf(filesystem);
      const group = groups.get(pool);
      if (group === undefined) groups.set(pool, [{ filesystem, name }]);
      else group.push({ filesystem, name });
    }
  }
  const idleHooks = hooks.filter((hook) => !hooked.some((snapshot) => snapshot.hooks.includes(hook)));
  return { groups: [...groups.values()], hooked, impossible, placeholders, idleHooks };
}
