/** The features of a pool (zpool-features(7)). */
import type { Runner } from "./runner.ts";

export interface PoolFeatures {
  readonly pool: string;
  /** `disabled`, `enabled` or `active` by name; a feature that this version of ZFS does not know is absent. */
  readonly features: ReadonlyMap<string, string>;
}

/** @returns undefined when the pool can't be asked */
export async function readPoolFeatures(runner: Runner, pool: string): Promise<PoolFeatures | undefined> {
  const argv = ["zpool", "get", "-Hp", "-o", "property,value", "all", pool];
  const { exitCode, stdout } = await runner.run(argv);
  return exitCode === 0 ? { pool, features: parsePoolFeatures(stdout) } : undefined;
}

/** @param stdout of `zpool get -H -o property,value all POOL` */
export function parsePoolFeatures(stdout: string): Map<string, string> {
  const features = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [, name, state] = /^feature@([^\t]+)\t(disabled|enabled|active)$/.exec(line) ?? [];
    if (name !== undefined && state !== undefined) features.set(name, state);
  }
  return features;
}
