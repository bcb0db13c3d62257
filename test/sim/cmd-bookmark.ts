import { bookmarkOf } from "./content.ts";
import { findBookmark, findDataset, findSnapshot, poolFor } from "./lookup.ts";
import { nameProblem, poolOf, splitName } from "./names.ts";
import { parseOptions } from "./options.ts";
import { isPermitted } from "./permissions.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Bookmark, type Snapshot, syncTxg, type World } from "./world.ts";

/** Fills in the other name's filesystem where a name starts with its delimiter. */
function expand(name: string, other: string): string {
  return name.startsWith("@") || name.startsWith("#") ? `${splitName(other).fs}${name}` : name;
}

function openSource(world: World, source: string): Snapshot | Bookmark {
  const isSnapshot = source.includes("@");
  const found = isSnapshot ? findSnapshot(world, source)?.snapshot : findBookmark(world, source);
  if (found !== undefined) return found;
  const problem = nameProblem(source, { snapshot: true, bookmark: true });
  const reason =
    problem ??
    (isSnapshot || !findDataset(world, splitName(source).fs) ? "dataset does not exist" : "no such pool or dataset");
  return fail(`cannot open '${source}': ${reason}\n${usage("zfs bookmark")}`, 2);
}

/** `zfs bookmark SNAPSHOT|BOOKMARK NEWBOOKMARK` */
export function cmdBookmark(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs bookmark", "", args);
  const [first, second] = operands;
  if (first === undefined) fail(`missing source argument\n${usage("zfs bookmark")}`, 2);
  if (second === undefined) fail(`missing bookmark argument\n${usage("zfs bookmark")}`, 2);
  if (!/[@#]/.test(first))
    fail(`invalid source name '${first}': must contain a '@' or '#'\n${usage("zfs bookmark")}`, 2);
  if (!second.includes("#")) fail(`invalid bookmark name '${second}': must contain a '#'\n${usage("zfs bookmark")}`, 2);
  const source = expand(first, second);
  const target = expand(second, first);
  const version = openSource(world, source);
  const { fs, tail } = splitName(target);
  const what = `cannot create bookmark '${target}'`;
  const dataset = findDataset(world, fs);
  if (nameProblem(target, { bookmark: true, modifying: true }) !== undefined) fail(`${what}: invalid argument`);
  if (dataset === undefined) fail(`${what}: dataset does not exist`);
  if (!isPermitted(world, fs, "bookmark")) fail(`${what}: permission denied`);
  if (poolOf(source) !== poolOf(target)) fail(`${what}: bookmark is in a different pool`);
  if (splitName(source).fs !== fs) fail(`${what}: source is not an ancestor of the new bookmark's dataset`);
  if (dataset.bookmarks.some((bookmark) => bookmark.name === tail)) fail(`${what}: bookmark exists`);
  syncTxg(poolFor(world, dataset));
  dataset.bookmarks.push(bookmarkOf(dataset, version, tail));
  return ok();
}
