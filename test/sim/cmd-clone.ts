import { addDataset, checkProperty, requireParent, storeLocal } from "./cmd-create.ts";
import { mountIfWanted } from "./cmd-mount.ts";
import { openDataset, openSnapshot, poolFor, snapshotByObject } from "./lookup.ts";
import { checkName, poolOf } from "./names.ts";
import { parseOptions, propertyOptions } from "./options.ts";
import { requirePermission } from "./permissions.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { syncTxg, type World } from "./world.ts";

/** `zfs clone [-o p=v]… SNAPSHOT FS` */
export function cmdClone(world: World, args: readonly string[]): Result {
  const { values, operands } = parseOptions("zfs clone", "po:", args);
  const [source, name] = operands;
  if (source === undefined) fail(`missing source dataset argument\n${usage("zfs clone")}`, 2);
  if (name === undefined) fail(`missing target dataset argument\n${usage("zfs clone")}`, 2);
  const { pool, dataset, snapshot } = openSnapshot(world, source);
  const what = `cannot create '${name}'`;
  checkName(name, what, { fs: true, modifying: true });
  const properties = propertyOptions("zfs clone", values["o"]);
  for (const [property, value] of properties) checkProperty(what, property, value);
  const target = requireParent(world, what, name);
  if (name in target.datasets) fail(`${what}: dataset already exists`);
  if (poolOf(name) !== pool.name) fail(`${what}: source and target pools differ`);
  requirePermission(world, name, "clone", what);
  const { kind, volsizeBytes } = dataset;
  const clone = addDataset(world, pool, name, { kind, volsizeBytes, txg: syncTxg(pool) });
  clone.origin = snapshot.object;
  clone.content = snapshot.content;
  clone.encryption = dataset.encryption && { ...dataset.encryption, isRoot: false, keyLoaded: false };
  storeLocal(clone, properties);
  mountIfWanted(pool, clone);
  return ok();
}

/** `zfs promote CLONE`: the origin's snapshots up to the branch point move to the clone. */
export function cmdPromote(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs promote", "", args);
  const name = operands[0] ?? fail(`missing clone filesystem argument\n${usage("zfs promote")}`, 2);
  const clone = openDataset(world, name);
  const pool = poolFor(world, clone);
  const what = `cannot promote '${name}'`;
  const origin = clone.origin === null ? undefined : snapshotByObject(pool, clone.origin);
  if (origin === undefined) fail(`${what}: not a cloned filesystem`);
  requirePermission(world, name, "promote", what);
  const parent = origin.dataset;
  const moved = parent.snapshots.slice(0, parent.snapshots.indexOf(origin.snapshot) + 1);
  const clash = moved.find((snapshot) => clone.snapshots.some((own) => own.name === snapshot.name));
  if (clash !== undefined)
    fail(`${what}: snapshot name '${name}@${clash.name}' from origin conflicts with '${clash.name}' from target`);
  syncTxg(pool);
  parent.snapshots = parent.snapshots.slice(moved.length);
  clone.snapshots = [...moved, ...clone.snapshots];
  clone.origin = parent.origin;
  parent.origin = origin.snapshot.object;
  return ok();
}
