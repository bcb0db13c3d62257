import { findDataset, findPool } from "./lookup.ts";
import { dropPartial } from "./recv-session.ts";
import { CommandFailure } from "./result.ts";
import { syncTxg, type World } from "./world.ts";

/** What the kernel does when a receiving process dies: keeps the state of -s, throws away the rest. */
export function stopReceivers(world: World, isGone: (receiver: number) => boolean): void {
  for (const pool of Object.values(world.pools))
    for (const dataset of Object.values(pool.datasets)) {
      const { partial } = dataset;
      if (partial === null || partial.receiver === null || !isGone(partial.receiver)) continue;
      partial.receiver = null;
      if (!partial.keepOnFailure) dropPartial(pool, dataset);
    }
}

/** `zfs receive -A FS` */
export function abortPartial(world: World, name: string, usageText: string): void {
  const dataset = findDataset(world, name);
  const pool = findPool(world, name);
  if (dataset === undefined || pool === undefined)
    throw new CommandFailure(`cannot open '${name}': dataset does not exist\n${usageText}\n`, 2);
  const { partial } = dataset;
  if (partial === null || (dataset.inconsistent && !partial.resumable))
    throw new CommandFailure(`'${name}' does not have any resumable receive state to abort\n`, 1);
  if (partial.receiver !== null)
    throw new CommandFailure(`cannot destroy '${name}${dataset.inconsistent ? "" : "/%recv"}': dataset is busy\n`, 1);
  syncTxg(pool);
  dropPartial(pool, dataset);
}
