import { parentName } from "./names.ts";
import type { Dataset, Pool } from "./world.ts";

/** The dataset whose key encrypts this one; undefined if it is not encrypted. */
export function encryptionRootOf(pool: Pool, dataset: Dataset): Dataset | undefined {
  if (dataset.encryption === null) return undefined;
  for (let name: string | undefined = dataset.name; name !== undefined; name = parentName(name)) {
    const candidate = pool.datasets[name];
    if (candidate?.encryption?.isRoot) return candidate;
  }
  return undefined;
}

/** True if data can be read and written: not encrypted, or the key is loaded. */
export function isKeyAvailable(pool: Pool, dataset: Dataset): boolean {
  return dataset.encryption === null || (encryptionRootOf(pool, dataset)?.encryption?.keyLoaded ?? false);
}
