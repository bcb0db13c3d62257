import { snapshotByObject } from "./lookup.ts";
import { parentName } from "./names.ts";
import type { Dataset, Pool } from "./world.ts";

/** The dataset whose key encrypts this one, for a clone that of its origin; undefined if it is not encrypted. */
export function encryptionRootOf(pool: Pool, dataset: Dataset): Dataset | undefined {
  if (dataset.encryption === null) return undefined;
  if (dataset.origin !== null && !dataset.encryption.isRoot) {
    const origin = snapshotByObject(pool, dataset.origin)?.dataset;
    return origin && origin !== dataset ? encryptionRootOf(pool, origin) : undefined;
  }
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
