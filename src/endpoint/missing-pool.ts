import { poolOf } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";

/**
 * Of configured datasets that don't exist, those whose whole pool is not there: a backup that silently leaves out a pool
 * would be a false "ok". A dataset missing from a pool that is there is just not matched, as in zrepl.
 * @returns one sentence per pool
 */
export async function missingPools(runner: Runner, datasets: readonly string[]): Promise<string[]> {
  if (datasets.length === 0) return [];
  const { stdout } = await runner.run(["zpool", "list", "-H", "-o", "name"]);
  const imported = new Set(stdout.split("\n"));
  const missing = [...new Set(datasets.map(poolOf))].filter((pool) => !imported.has(pool));
  return missing.map((pool) => `pool "${pool}" is not imported; import it with: zpool import ${pool}`);
}
