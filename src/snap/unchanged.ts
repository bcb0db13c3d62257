/** `skip_unchanged`: which filesystems had nothing written to them since their newest snapshot with the prefix. */
import { listWrittenSince, syncPools } from "../zfs/list.ts";
import { poolOf } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";
import { type DueFilesystem, newestWithPrefix } from "./due.ts";

/** One process per name of a newest snapshot, which is one for all in the usual case, and one to write out what is in memory. */
export async function unchangedFilesystems(
  runner: Runner,
  filesystems: readonly DueFilesystem[],
  prefix: string,
): Promise<Set<string>> {
  const byName = new Map<string, string[]>();
  for (const { filesystem, snapshot } of filesystems.flatMap((entry) => newestWithPrefix(entry, prefix)))
    byName.set(snapshot.name, [...(byName.get(snapshot.name) ?? []), filesystem]);
  const all = [...byName.values()].flat();
  await syncPools(runner, [...new Set(all.map(poolOf))]);
  const unchanged = new Set<string>();
  for (const [name, candidates] of byName) {
    const written = await listWrittenSince(runner, name, candidates);
    for (const filesystem of candidates) if (written.get(filesystem) === 0) unchanged.add(filesystem);
  }
  return unchanged;
}
