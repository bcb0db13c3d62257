import { addDataset, storeLocal } from "./cmd-create.ts";
import { mountIfWanted } from "./cmd-mount.ts";
import { usedBytes } from "./content.ts";
import { compareText } from "./lookup.ts";
import { parseOptions, propertyOptions } from "./options.ts";
import { fail, Output, ok, type Result } from "./result.ts";
import { formatBytes } from "./size.ts";
import { nextGuid, type Pool, type World } from "./world.ts";

const FEATURES = {
  async_destroy: "enabled",
  bookmarks: "enabled",
  bookmark_v2: "enabled",
  bookmark_written: "enabled",
  extensible_dataset: "enabled",
  large_blocks: "enabled",
  embedded_data: "active",
  lz4_compress: "active",
  encryption: "enabled",
  zstd_compress: "enabled",
} as const;

const DEFAULT_POOL_BYTES = 1_073_741_824;

/** Makes a pool with its root filesystem. */
export function addPool(world: World, name: string, sizeBytes = DEFAULT_POOL_BYTES): Pool {
  const pool: Pool = { name, guid: nextGuid(world), sizeBytes, txg: 4, datasets: {}, features: { ...FEATURES } };
  world.pools[name] = pool;
  addDataset(world, pool, name, { kind: "filesystem", txg: 1 });
  return pool;
}

function create(world: World, args: readonly string[]): Result {
  const { values, operands } = parseOptions("zpool create", "fndR:m:o:O:t:", args);
  const name = operands[0] ?? fail("missing pool name argument", 2);
  if (name in world.pools) fail(`cannot create '${name}': pool already exists`);
  const pool = addPool(world, name);
  const root = pool.datasets[name];
  if (root === undefined) return ok();
  storeLocal(root, propertyOptions("zpool create", values["O"]));
  mountIfWanted(pool, root);
  return ok();
}

function destroy(world: World, args: readonly string[]): Result {
  const name = parseOptions("zpool destroy", "f", args).operands[0] ?? fail("missing pool argument", 2);
  if (!(name in world.pools)) fail(`cannot open '${name}': no such pool`);
  delete world.pools[name];
  return ok();
}

function poolProperties(pool: Pool): Record<string, string> {
  const allocated = usedBytes(Object.values(pool.datasets));
  const features = Object.entries(pool.features).map(([name, state]) => [`feature@${name}`, state]);
  return {
    name: pool.name,
    size: String(pool.sizeBytes),
    allocated: String(allocated),
    free: String(pool.sizeBytes - allocated),
    health: "ONLINE",
    guid: pool.guid,
    capacity: String(Math.floor((allocated * 100) / pool.sizeBytes)),
    fragmentation: "0",
    dedupratio: "1.00",
    readonly: "off",
    altroot: "-",
    checkpoint: "-",
    expandsize: "-",
    freeing: "0",
    ...Object.fromEntries(features),
  };
}

function poolProperty(pool: Pool, property: string): string | undefined {
  return poolProperties(pool)[property];
}

function selectPools(world: World, names: readonly string[], output: Output): Pool[] {
  if (names.length === 0) return Object.values(world.pools).sort((a, b) => compareText(a.name, b.name));
  return names.flatMap((name) => {
    const pool = world.pools[name];
    if (pool === undefined) output.error(`cannot open '${name}': no such pool`);
    return pool === undefined ? [] : [pool];
  });
}

const LIST_COLUMNS = "name,size,allocated,free,checkpoint,expandsize,fragmentation,capacity,dedupratio,health,altroot";

function list(world: World, args: readonly string[]): Result {
  const { flags, values, operands } = parseOptions("zpool list", "gHLo:pPT:v", args);
  const columns = (values["o"]?.at(-1) ?? LIST_COLUMNS).split(",");
  const output = new Output();
  const show = (pool: Pool, column: string): string => {
    const value = poolProperty(pool, column) ?? "-";
    return !flags.has("p") && /^(size|allocated|free)$/.test(column) ? formatBytes(Number(value)) : value;
  };
  const rows = selectPools(world, operands, output).map((pool) => columns.map((column) => show(pool, column)));
  output.stdout = rows.map((row) => `${row.join(flags.has("H") ? "\t" : "  ")}\n`).join("");
  if (rows.length === 0 && !flags.has("H") && output.exitCode === 0) output.stdout = "no pools available\n";
  return output.result();
}

function get(world: World, args: readonly string[]): Result {
  const { values, operands } = parseOptions("zpool get", "Ho:p", args);
  const [properties, ...names] = operands;
  if (properties === undefined) fail("missing property argument", 2);
  const fields = (values["o"]?.at(-1) ?? "name,property,value,source").split(",");
  const output = new Output();
  for (const pool of selectPools(world, names, output))
    for (const property of properties === "all" ? Object.keys(poolProperties(pool)) : properties.split(",")) {
      const value = poolProperty(pool, property);
      if (value === undefined) continue;
      const source = property.startsWith("feature@") ? "local" : "-";
      const row: Record<string, string> = { name: pool.name, property, value, source };
      output.line(fields.map((field) => row[field] ?? "-").join("\t"));
    }
  return output.result();
}

/** `zpool create|destroy|list|get …` */
export function cmdZpool(world: World, args: readonly string[]): Result {
  const [command, ...rest] = args;
  if (command === "create") return create(world, rest);
  if (command === "destroy") return destroy(world, rest);
  if (command === "list") return list(world, rest);
  if (command === "get") return get(world, rest);
  return fail(command === undefined ? "missing command" : `unrecognized command '${command}'`, 2);
}
