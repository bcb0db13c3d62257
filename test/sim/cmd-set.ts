import { checkProperty, storeLocal } from "./cmd-create.ts";
import { mountIfWanted } from "./cmd-mount.ts";
import { type Entry, findSnapshot, openDataset, openSnapshot, poolFor } from "./lookup.ts";
import { parseOptions } from "./options.ts";
import { requirePermission } from "./permissions.ts";
import { isUserProperty } from "./properties.ts";
import { NATIVE } from "./property-table.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type PropertyValue, syncTxg, type World } from "./world.ts";

interface Target {
  readonly name: string;
  readonly pool: Entry["pool"];
  readonly entry: Pick<Entry, "dataset" | "snapshot">;
  readonly props: Record<string, PropertyValue>;
}

function openTarget(world: World, name: string): Target {
  if (name.includes("@")) {
    const { pool, dataset, snapshot } = findSnapshot(world, name) ?? openSnapshot(world, name);
    return { name, pool, entry: { dataset, snapshot }, props: snapshot.props };
  }
  const dataset = openDataset(world, name);
  return { name, pool: poolFor(world, dataset), entry: { dataset }, props: dataset.props };
}

function setAll(world: World, target: Target, properties: readonly [string, string][]): void {
  const what = `cannot set property for '${target.name}'`;
  for (const [property, value] of properties) {
    checkProperty(what, property, value);
    if (target.entry.snapshot !== undefined && !isUserProperty(property))
      fail(`${what}: this property can not be modified for snapshots`);
    requirePermission(world, target.name, isUserProperty(property) ? "userprop" : property, what);
  }
  syncTxg(target.pool);
  if (target.entry.snapshot !== undefined)
    for (const [property, value] of properties) target.props[property] = { ...target.props[property], local: value };
  else storeLocal(target.entry.dataset, properties);
  if (properties.some(([property]) => property === "mountpoint") && target.entry.snapshot === undefined) {
    target.entry.dataset.mounted = false;
    mountIfWanted(target.pool, target.entry.dataset);
  }
}

/** `zfs set P=V… DATASET…` */
export function cmdSet(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs set", "", args);
  const first = operands.findIndex((operand) => !operand.includes("="));
  const assignments = first < 0 ? operands : operands.slice(0, first);
  const names = first < 0 ? [] : operands.slice(first);
  if (operands.length === 0) fail(`missing arguments\n${usage("zfs set")}`, 2);
  if (names.length === 0) fail(`missing dataset name(s)\n${usage("zfs set")}`, 2);
  const properties = assignments.map((text): [string, string] => {
    const eq = text.indexOf("=");
    return [text.slice(0, eq), text.slice(eq + 1)];
  });
  if (properties.length === 0) fail(`missing property=value argument(s)\n${usage("zfs set")}`, 2);
  for (const name of names) setAll(world, openTarget(world, name), properties);
  return ok();
}

/** `zfs inherit [-S] P DATASET…` */
export function cmdInherit(world: World, args: readonly string[]): Result {
  const { flags, operands } = parseOptions("zfs inherit", "rS", args);
  const [property, ...names] = operands;
  if (property === undefined) fail(`missing property argument\n${usage("zfs inherit")}`, 2);
  if (names.length === 0) fail(`missing dataset argument\n${usage("zfs inherit")}`, 2);
  const native = NATIVE[property];
  if (!isUserProperty(property) && native === undefined)
    fail(`invalid property '${property}'\n${usage("zfs inherit")}`, 2);
  if (native !== undefined && !native.inherits && !flags.has("S"))
    fail(
      `'${property}' property cannot be inherited\nuse 'zfs set ${property}=none' to clear\nuse 'zfs inherit -S ${property}' to revert to received value`,
    );
  for (const name of names) {
    const target = openTarget(world, name);
    requirePermission(
      world,
      name,
      isUserProperty(property) ? "userprop" : property,
      `cannot inherit ${property} for '${name}'`,
    );
    syncTxg(target.pool);
    const kept = flags.has("S") ? target.props[property]?.received : undefined;
    if (kept === undefined) delete target.props[property];
    else target.props[property] = { received: kept };
  }
  return ok();
}
