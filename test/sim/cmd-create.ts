import { mountIfWanted } from "./cmd-mount.ts";
import { availableBytes } from "./content.ts";
import { isKeyAvailable } from "./encryption.ts";
import { findDataset, findPool } from "./lookup.ts";
import { checkName, parentName, poolOf } from "./names.ts";
import { parseOptions, propertyOptions } from "./options.ts";
import { requirePermission } from "./permissions.ts";
import { isUserProperty } from "./properties.ts";
import { NATIVE } from "./property-table.ts";
import { fail, ok, type Result } from "./result.ts";
import { parseSize } from "./size.ts";
import { usage } from "./usage.ts";
import { type Dataset, nextGuid, type Pool, syncTxg, type World } from "./world.ts";

/** What a new dataset is made of, beside its name. */
export interface NewDataset {
  readonly kind: Dataset["kind"];
  readonly txg: number;
  readonly volsizeBytes?: number;
}

/** Adds an empty dataset to the pool. */
export function addDataset(world: World, pool: Pool, name: string, options: NewDataset): Dataset {
  const dataset: Dataset = {
    name,
    kind: options.kind,
    guid: nextGuid(world),
    object: world.nextObject++,
    createtxg: options.txg,
    creationSec: world.nowSec,
    props: {},
    snapshots: [],
    bookmarks: [],
    content: {},
    modifiedTxg: options.txg,
    origin: null,
    mounted: false,
    encryption: null,
    partial: null,
    inconsistent: false,
    volsizeBytes: options.volsizeBytes ?? 0,
  };
  pool.datasets[name] = dataset;
  return dataset;
}

const ENCRYPTION_PROPERTIES = new Set(["encryption", "keyformat", "keylocation", "pbkdf2iters"]);

/** Checks a property for `what`, such as `cannot create 'tank/a'`. */
export function checkProperty(what: string, name: string, value: string): void {
  if (isUserProperty(name)) {
    if (!/^[a-z0-9:._-]+$/.test(name)) fail(`${what}: invalid property '${name}'`);
    return;
  }
  const native = NATIVE[name];
  if (native === undefined) fail(`${what}: invalid property '${name}'`);
  if (!native.settable && !ENCRYPTION_PROPERTIES.has(name)) fail(`${what}: '${name}' is readonly`);
  if (native.values && !native.values.includes(value))
    fail(`${what}: '${name}' must be one of '${native.values.join(" | ")}'`);
}

/** Stores local values; encryption ones are handled by the caller. */
export function storeLocal(dataset: Dataset, properties: readonly (readonly [string, string])[]): void {
  for (const [name, value] of properties)
    if (!ENCRYPTION_PROPERTIES.has(name) || name === "keylocation")
      dataset.props[name] = { ...dataset.props[name], local: storedValue(name, value) };
}

function storedValue(name: string, value: string): string {
  if (!/^(quota|refquota|reservation|refreservation|recordsize|volblocksize)$/.test(name)) return value;
  return value === "none" ? "0" : String(parseSize(value));
}

/** Gives a new dataset the encryption of its parent, or the one asked for with -o. */
export function setUpEncryption(
  world: World,
  pool: Pool,
  dataset: Dataset,
  asked: ReadonlyMap<string, string>,
  what: string,
): void {
  const parent = pool.datasets[parentName(dataset.name) ?? ""];
  const inherited = parent?.encryption ?? null;
  const cipher = asked.get("encryption");
  if (cipher === "off" || (inherited === null && cipher === undefined)) return;
  const keyformat = asked.get("keyformat");
  if (keyformat !== undefined) {
    const full = cipher === undefined || cipher === "on" ? "aes-256-gcm" : cipher;
    dataset.encryption = { isRoot: true, keyLoaded: true, keyformat, keyId: nextGuid(world), cipher: full };
    dataset.props["keyformat"] = { local: keyformat };
    return;
  }
  if (inherited === null || parent === undefined) fail(`${what}: Keyformat required for new encryption root.`);
  if (!isKeyAvailable(pool, parent)) fail(`${what}: encryption root's key is not loaded or provided`);
  dataset.encryption = { ...inherited, isRoot: false, keyLoaded: false, keyId: nextGuid(world) };
  dataset.props["keyformat"] = { local: inherited.keyformat };
}

/** Parent directory of a dataset that is about to appear; fails as `zfs create` does. */
export function requireParent(world: World, what: string, name: string): Pool {
  const pool = findPool(world, name);
  if (pool === undefined) fail(`${what}: no such pool '${poolOf(name)}'`);
  const parent = parentName(name);
  if (parent === undefined) fail(`${what}: missing dataset name`);
  if (!(parent in pool.datasets)) fail(`${what}: parent does not exist`);
  if (pool.datasets[parent]?.kind === "volume") fail(`${what}: parent is not a filesystem`);
  return pool;
}

function createMissingParents(world: World, name: string): void {
  const pool = findPool(world, name);
  if (pool === undefined) return;
  const parts = name.split("/");
  for (let depth = 2; depth < parts.length; depth++) {
    const path = parts.slice(0, depth).join("/");
    if (pool.datasets[path]?.kind === "volume") fail(`cannot create '${name}': parent is not a filesystem`);
    if (path in pool.datasets) continue;
    const dataset = addDataset(world, pool, path, { kind: "filesystem", txg: syncTxg(pool) });
    setUpEncryption(world, pool, dataset, new Map(), `cannot create '${path}'`);
    mountIfWanted(pool, dataset);
  }
}

interface Request {
  readonly name: string;
  readonly kind: Dataset["kind"];
  readonly volsizeBytes: number;
  readonly sparse: boolean;
  readonly properties: readonly [string, string][];
  readonly mount: boolean;
}

function create(world: World, request: Request): Result {
  const what = `cannot create '${request.name}'`;
  const pool = requireParent(world, what, request.name);
  requirePermission(world, request.name, "create", what);
  if (request.name in pool.datasets) fail(`${what}: dataset already exists`);
  const refreservation = request.kind === "volume" && !request.sparse ? Math.floor(request.volsizeBytes * 1.0315) : 0;
  if (refreservation > availableBytes(pool)) fail(`${what}: out of space`);
  const { kind, volsizeBytes } = request;
  const dataset = addDataset(world, pool, request.name, { kind, volsizeBytes, txg: syncTxg(pool) });
  try {
    setUpEncryption(world, pool, dataset, new Map(request.properties), what);
  } catch (error) {
    delete pool.datasets[request.name];
    throw error;
  }
  if (refreservation > 0) dataset.props["refreservation"] = { local: String(refreservation) };
  storeLocal(dataset, request.properties);
  if (request.mount) mountIfWanted(pool, dataset);
  return ok();
}

/** `zfs create [-p] [-u] [-s] [-o p=v]… [-V size] NAME` */
export function cmdCreate(world: World, args: readonly string[]): Result {
  const { flags, values, operands } = parseOptions("zfs create", "Pnpuvsb:V:o:", args);
  const properties = propertyOptions("zfs create", values["o"]);
  const [name] = operands;
  if (name === undefined)
    fail(`missing ${flags.has("V") ? "volume" : "filesystem"} argument\n${usage("zfs create")}`, 2);
  if (operands.length > 1) fail(`too many arguments\n${usage("zfs create")}`, 2);
  if (flags.has("p") && findDataset(world, name) !== undefined) return ok();
  checkName(name, `cannot create '${name}'`, { fs: true, modifying: true });
  for (const [property, value] of properties) checkProperty(`cannot create '${name}'`, property, value);
  if (flags.has("p")) createMissingParents(world, name);
  const volsizeBytes = parseSize(values["V"]?.[0] ?? "0");
  return create(world, {
    name,
    kind: flags.has("V") ? "volume" : "filesystem",
    volsizeBytes,
    sparse: flags.has("s"),
    properties,
    mount: !flags.has("u"),
  });
}
