import { dropSnapshot } from "./content.ts";
import { clonesOf, openSnapshot } from "./lookup.ts";
import { parseOptions } from "./options.ts";
import { requirePermission } from "./permissions.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Dataset, type Pool, type Snapshot, syncTxg, type World } from "./world.ts";

function refuseNewer(name: string, dataset: Dataset, newer: readonly Snapshot[], snapshot: Snapshot): void {
  const bookmarks = dataset.bookmarks.filter((bookmark) => bookmark.createtxg > snapshot.createtxg);
  if (newer.length === 0 && bookmarks.length === 0) return;
  const lines = [
    ...newer.map((s) => `${dataset.name}@${s.name}`),
    ...bookmarks.map((b) => `${dataset.name}#${b.name}`),
  ];
  fail(
    `cannot rollback to '${name}': more recent snapshots or bookmarks exist\nuse '-r' to force deletion of the following snapshots and bookmarks:\n${lines.join("\n")}`,
  );
}

function refuseClones(name: string, pool: Pool, newer: readonly Snapshot[]): void {
  const clones = newer.flatMap((snapshot) => clonesOf(pool, snapshot));
  if (clones.length === 0) return;
  const lines = clones.map((clone) => clone.name).join("\n");
  fail(
    `cannot rollback to '${name}': clones of previous snapshots exist\nuse '-R' to force deletion of the following clones and dependents:\n${lines}`,
  );
}

/** Destroys what is newer, newest first, bookmarks before snapshots; a held snapshot stops it half-way. */
function destroyNewer(pool: Pool, dataset: Dataset, newer: readonly Snapshot[], snapshot: Snapshot): void {
  dataset.bookmarks = dataset.bookmarks.filter((bookmark) => bookmark.createtxg <= snapshot.createtxg);
  const held: Snapshot[] = [];
  for (const each of newer.toReversed()) {
    syncTxg(pool);
    if (Object.keys(each.holds).length > 0) held.push(each);
    else dropSnapshot(dataset, each);
  }
  if (held.length > 0)
    fail(held.map((each) => `cannot destroy '${dataset.name}@${each.name}': dataset is busy`).join("\n"));
}

/** `zfs rollback [-rRf] SNAPSHOT` */
export function cmdRollback(world: World, args: readonly string[]): Result {
  const { flags, operands } = parseOptions("zfs rollback", "rRf", args);
  const [name] = operands;
  if (name === undefined) fail(`missing dataset argument\n${usage("zfs rollback")}`, 2);
  if (operands.length > 1) fail(`too many arguments\n${usage("zfs rollback")}`, 2);
  const { pool, dataset, snapshot } = openSnapshot(world, name);
  const newer = dataset.snapshots.slice(dataset.snapshots.indexOf(snapshot) + 1);
  if (flags.has("R"))
    for (const each of newer) for (const clone of clonesOf(pool, each)) delete pool.datasets[clone.name];
  if (!flags.has("r") && !flags.has("R")) refuseNewer(name, dataset, newer, snapshot);
  refuseClones(name, pool, newer);
  requirePermission(world, name, "rollback", `cannot rollback '${dataset.name}'`);
  destroyNewer(pool, dataset, newer, snapshot);
  syncTxg(pool);
  dataset.content = snapshot.content;
  dataset.modifiedTxg = snapshot.createtxg;
  return ok();
}
