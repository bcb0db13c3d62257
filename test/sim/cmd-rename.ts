import { addDataset, requireParent } from "./cmd-create.ts";
import { mountIfWanted } from "./cmd-mount.ts";
import { findDataset, openDataset, openSnapshot, poolFor, subtree } from "./lookup.ts";
import { checkName, isWithin, parentName, poolOf, splitName } from "./names.ts";
import { parseOptions } from "./options.ts";
import { requirePermission } from "./permissions.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Dataset, type Pool, syncTxg, type World } from "./world.ts";

function renameSnapshot(world: World, from: string, to: string, recursive: boolean): Result {
  const { pool, dataset, snapshot } = openSnapshot(world, from);
  const target = to.startsWith("@") ? `${dataset.name}${to}` : to.includes("@") ? to : `${dataset.name}@${to}`;
  const what = `cannot rename to '${target}'`;
  const { fs, tail } = splitName(target);
  if (target === from) return ok();
  if (fs !== dataset.name) fail(`${what}: snapshots must be part of same dataset`);
  checkName(target, what, { snapshot: true, modifying: true });
  requirePermission(world, fs, "rename", `cannot rename '${from}'`);
  const all = recursive ? subtree(pool, fs) : [dataset];
  const clash = all.find(
    (each) => each.snapshots.some((s) => s.name === tail) && each.snapshots.some((s) => s.name === snapshot.name),
  );
  const reason = recursive ? "a child dataset already has a snapshot with the new name" : "dataset already exists";
  if (clash !== undefined) fail(`cannot rename '${from}': ${reason}`);
  const old = snapshot.name;
  syncTxg(pool);
  for (const each of all) for (const version of each.snapshots) if (version.name === old) version.name = tail;
  return ok();
}

/** Moves a dataset and everything below it to a new path. */
function moveTree(pool: Pool, dataset: Dataset, to: string): void {
  const from = dataset.name;
  for (const each of subtree(pool, from)) {
    delete pool.datasets[each.name];
    each.name = to + each.name.slice(from.length);
    pool.datasets[each.name] = each;
    if (each.mounted) mountIfWanted(pool, each);
  }
}

function createParents(world: World, pool: Pool, name: string): void {
  const missing: string[] = [];
  for (let path = parentName(name); path !== undefined && !(path in pool.datasets); path = parentName(path))
    missing.unshift(path);
  for (const path of missing)
    mountIfWanted(pool, addDataset(world, pool, path, { kind: "filesystem", txg: syncTxg(pool) }));
}

function renameDataset(world: World, from: string, to: string, createMissing: boolean): Result {
  const dataset = openDataset(world, from);
  const pool = poolFor(world, dataset);
  const what = `cannot rename to '${to}'`;
  checkName(to, what, { fs: true, modifying: true });
  if (createMissing && poolOf(to) === pool.name) createParents(world, pool, to);
  requireParent(world, `cannot create '${to}'`, to);
  if (poolOf(to) !== pool.name) fail(`${what}: datasets must be within same pool`);
  if (from !== to && isWithin(to, from))
    fail(`${what}: New dataset name cannot be a descendant of current dataset name`);
  if (from === to) return ok();
  requirePermission(world, from, "rename", `cannot rename '${from}'`);
  if (findDataset(world, to) !== undefined) fail(`cannot rename '${from}': dataset already exists`);
  syncTxg(pool);
  moveTree(pool, dataset, to);
  return ok();
}

/** `zfs rename [-p] [-r] [-u] [-f] FROM TO` */
export function cmdRename(world: World, args: readonly string[]): Result {
  const { flags, operands } = parseOptions("zfs rename", "pruf", args);
  const [from, to] = operands;
  if (from === undefined) fail(`missing source dataset argument\n${usage("zfs rename")}`, 2);
  if (to === undefined) fail(`missing target dataset argument\n${usage("zfs rename")}`, 2);
  if (operands.length > 2) fail(`too many arguments\n${usage("zfs rename")}`, 2);
  if (from.includes("@")) return renameSnapshot(world, from, to, flags.has("r"));
  return renameDataset(world, from, to, flags.has("p"));
}
