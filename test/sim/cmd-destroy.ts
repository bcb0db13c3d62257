import { removeDirectory } from "./cmd-mount.ts";
import { dropSnapshot, reapDeferred, snapshotUnique } from "./content.ts";
import { clonesOf, findDataset, isCloned, openDataset, poolFor, receiveClonesOf, subtree } from "./lookup.ts";
import { nameProblem, splitName } from "./names.ts";
import { type Options, parseOptions } from "./options.ts";
import { isPermitted } from "./permissions.ts";
import { fail, Output, ok, type Result } from "./result.ts";
import { formatBytes } from "./size.ts";
import { usage } from "./usage.ts";
import { type Dataset, type Pool, type Snapshot, syncTxg, type World } from "./world.ts";

type Found = readonly [Dataset, Snapshot];

const nameOf = ([dataset, snapshot]: Found): string => `${dataset.name}@${snapshot.name}`;

/** `a%c` is a range, in createtxg order; an empty end means the first or last snapshot. */
function matching(dataset: Dataset, part: string): Snapshot[] {
  const percent = part.indexOf("%");
  if (percent < 0) return dataset.snapshots.filter((snapshot) => snapshot.name === part);
  const [first, last] = [part.slice(0, percent), part.slice(percent + 1)];
  const names = dataset.snapshots.map((snapshot) => snapshot.name);
  const start = first === "" ? 0 : names.indexOf(first);
  const end = last === "" ? names.length - 1 : names.indexOf(last);
  return start < 0 || end < 0 ? [] : dataset.snapshots.slice(start, end + 1);
}

function matchSpec(datasets: readonly Dataset[], spec: string): Found[] {
  const found: Found[] = [];
  for (const dataset of datasets)
    for (const part of spec.split(","))
      for (const snapshot of matching(dataset, part))
        if (!found.some((other) => other[1] === snapshot)) found.push([dataset, snapshot]);
  return found;
}

/** Why zfs.check.destroy refuses a snapshot. */
export function destroyProblem(pool: Pool, snapshot: Snapshot, defer: boolean): string | undefined {
  if (defer) return undefined;
  if (Object.keys(snapshot.holds).length > 0) return "dataset is busy";
  return isCloned(pool, snapshot) ? "snapshot is cloned" : undefined;
}

function refuseClones(pool: Pool, list: readonly Found[]): void {
  for (const found of list) {
    const visible = clonesOf(pool, found[1]).flatMap((clone) => dependents(pool, clone));
    const clones = [...visible, ...receiveClonesOf(pool, found[1])];
    if (clones.length > 0)
      fail(
        `cannot destroy '${nameOf(found)}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n${clones.join("\n")}`,
      );
  }
}

function announce(list: readonly Found[], options: Options): string {
  const bytes = list.reduce((sum, [dataset, snapshot]) => sum + snapshotUnique(dataset, snapshot), 0);
  if (options.flags.has("p"))
    return `${list.map((found) => `destroy\t${nameOf(found)}\n`).join("")}reclaim\t${bytes}\n`;
  if (!options.flags.has("v")) return "";
  const verb = options.flags.has("n") ? "would" : "will";
  return `${list.map((found) => `${verb} destroy ${nameOf(found)}\n`).join("")}${verb} reclaim ${formatBytes(bytes)}\n`;
}

/** Destroys snapshots in one transaction: all of them, or none if one is refused. */
function destroyAll(world: World, pool: Pool, list: readonly Found[], defer: boolean, output: Output): void {
  const problems = list.flatMap((found) => {
    const problem = destroyProblem(pool, found[1], defer);
    return problem === undefined ? [] : [`cannot destroy snapshot ${nameOf(found)}: ${problem}`];
  });
  syncTxg(pool);
  const refused = list.find(([dataset]) => !isPermitted(world, dataset.name, "destroy"));
  if (refused !== undefined) {
    output.error("cannot destroy snapshots: permission denied");
    return;
  }
  if (problems.length > 0) {
    for (const problem of problems) output.error(problem);
    return;
  }
  for (const [dataset, snapshot] of list) {
    snapshot.deferDestroy ||= defer;
    if (!defer) dropSnapshot(dataset, snapshot);
  }
  reapDeferred(pool);
}

function destroySnapshots(world: World, name: string, options: Options): Result {
  const { fs, tail } = splitName(name);
  const dataset = openDataset(world, fs);
  const pool = poolFor(world, dataset);
  const recursive = options.flags.has("r") || options.flags.has("R");
  const list = matchSpec(recursive ? subtree(pool, fs) : [dataset], tail);
  const defer = options.flags.has("d");
  if (list.length === 0) fail("could not find any snapshots to destroy; check snapshot names.");
  if (options.flags.has("R")) for (const [, snapshot] of list) destroyClones(pool, snapshot);
  else if (!defer) refuseClones(pool, list);
  const output = new Output();
  output.stdout = announce(list, options);
  if (!options.flags.has("n")) destroyAll(world, pool, list, defer, output);
  return output.result();
}

function destroyClones(pool: Pool, snapshot: Snapshot): void {
  for (const clone of clonesOf(pool, snapshot)) {
    for (const below of subtree(pool, clone.name).toReversed()) {
      for (const inner of below.snapshots) destroyClones(pool, inner);
      delete pool.datasets[below.name];
    }
  }
}

function destroyBookmark(world: World, name: string, options: Options): Result {
  if (options.flags.has("n")) fail("dryrun is not supported with bookmark", 255);
  if (options.flags.has("r")) fail("-r invalid with bookmark", 255);
  const { fs, tail } = splitName(name);
  const dataset = findDataset(world, fs);
  const index = dataset?.bookmarks.findIndex((bookmark) => bookmark.name === tail) ?? -1;
  if (dataset === undefined || index < 0) fail(`bookmark '${name}' does not exist.`);
  if (!isPermitted(world, fs, "destroy")) fail(`cannot destroy bookmark '${name}': permission denied`);
  syncTxg(poolFor(world, dataset));
  dataset.bookmarks.splice(index, 1);
  return ok();
}

/** Everything that has to go with a dataset, children and snapshots before their parents. */
function dependents(pool: Pool, dataset: Dataset): string[] {
  const below = subtree(pool, dataset.name).toReversed();
  return below.flatMap((each) => [...each.snapshots.map((snapshot) => `${each.name}@${snapshot.name}`), each.name]);
}

function refuseDependents(pool: Pool, dataset: Dataset): void {
  const names = dependents(pool, dataset).slice(0, -1);
  if (names.length === 0) return;
  fail(
    `cannot destroy '${dataset.name}': ${dataset.kind} has children\nuse '-r' to destroy the following datasets:\n${names.join("\n")}`,
  );
}

/** Clones elsewhere of snapshots inside the subtree. */
function outsideClones(pool: Pool, inside: readonly Dataset[]): Dataset[] {
  const clones = inside.flatMap((each) => each.snapshots.flatMap((snapshot) => clonesOf(pool, snapshot)));
  return clones.filter((clone) => !inside.includes(clone));
}

function destroyTree(world: World, dataset: Dataset, options: Options): Result {
  const pool = poolFor(world, dataset);
  const inside = subtree(pool, dataset.name);
  const outside = outsideClones(pool, inside);
  if (outside.length > 0 && !options.flags.has("R")) {
    const names = outside.flatMap((clone) => dependents(pool, clone));
    fail(
      `cannot destroy '${dataset.name}': ${dataset.kind} has dependent clones\nuse '-R' to destroy the following datasets:\n${names.join("\n")}`,
    );
  }
  const output = new Output();
  if (options.flags.has("v")) {
    const verb = options.flags.has("n") ? "would" : "will";
    for (const name of dependents(pool, dataset)) output.line(`${verb} destroy ${name}`);
  }
  if (!options.flags.has("n")) removeTree(world, pool, [...inside, ...outside], output);
  return output.result();
}

function removeTree(world: World, pool: Pool, all: readonly Dataset[], output: Output): void {
  const held = all.flatMap((each) =>
    each.snapshots
      .filter((snapshot) => Object.keys(snapshot.holds).length > 0)
      .map((snapshot): Found => [each, snapshot]),
  );
  for (const each of all)
    if (each.partial?.receiver != null && !each.inconsistent) {
      output.error(`cannot destroy '${each.name}/%recv': dataset is busy`);
      const base = each.snapshots.find((snapshot) => snapshot.object === each.partial?.base);
      if (base) output.error(`cannot destroy snapshot ${each.name}@${base.name}: snapshot is cloned`);
      return;
    }
  for (const found of held) output.error(`cannot destroy snapshot ${nameOf(found)}: dataset is busy`);
  if (held.length > 0) return;
  syncTxg(pool);
  for (const each of all.toReversed()) {
    const refused = destroyFilesystemProblem(world, each);
    if (refused !== undefined) {
      output.error(`cannot destroy '${each.name}': ${refused}`);
      return;
    }
    removeDirectory(pool, each);
    if (each.name !== pool.name) delete pool.datasets[each.name];
    else each.snapshots = [];
  }
  reapDeferred(pool);
}

function destroyFilesystemProblem(world: World, dataset: Dataset): string | undefined {
  if (!isPermitted(world, dataset.name, "destroy")) return "permission denied";
  return dataset.partial?.receiver === undefined || dataset.partial.receiver === null ? undefined : "dataset is busy";
}

function destroyFilesystem(world: World, name: string, options: Options): Result {
  const dataset = openDataset(world, name);
  const pool = poolFor(world, dataset);
  if (options.flags.has("r") || options.flags.has("R")) return destroyTree(world, dataset, options);
  if (name === pool.name)
    fail(
      `cannot destroy '${name}': operation does not apply to pools\nuse 'zfs destroy -r ${name}' to destroy all datasets in the pool\nuse 'zpool destroy ${name}' to destroy the pool itself`,
    );
  refuseDependents(pool, dataset);
  const problem = destroyFilesystemProblem(world, dataset);
  if (problem !== undefined) fail(`cannot destroy '${name}': ${problem}`);
  const output = new Output();
  if (options.flags.has("v")) output.line(`${options.flags.has("n") ? "would" : "will"} destroy ${name}`);
  if (options.flags.has("n")) return output.result();
  syncTxg(pool);
  removeDirectory(pool, dataset);
  delete pool.datasets[name];
  reapDeferred(pool);
  return output.result();
}

/** `zfs destroy [-fnpRrv] FS`, `zfs destroy [-dnpRrv] FS@A,B%C,…`, `zfs destroy FS#BOOKMARK` */
export function cmdDestroy(world: World, args: readonly string[]): Result {
  const options = parseOptions("zfs destroy", "vpndfrR", args);
  const [name] = options.operands;
  if (name === undefined) fail(`missing dataset argument\n${usage("zfs destroy")}`, 2);
  if (options.operands.length > 1) fail(`too many arguments\n${usage("zfs destroy")}`, 2);
  if (name.includes("@")) return destroySnapshots(world, name, options);
  if (!name.includes("#")) return destroyFilesystem(world, name, options);
  const problem = nameProblem(name, { bookmark: true });
  if (problem !== undefined) fail(`cannot open '${name}': ${problem}`);
  return destroyBookmark(world, name, options);
}
