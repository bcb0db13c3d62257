import { removeBlock } from "./content.ts";
import { encryptionRootOf, isKeyAvailable } from "./encryption.ts";
import { openDataset, poolFor, subtree } from "./lookup.ts";
import { parentName } from "./names.ts";
import { parseOptions } from "./options.ts";
import { showProperty } from "./properties.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import type { Dataset, Pool, World } from "./world.ts";

const shownValue = (pool: Pool, dataset: Dataset, property: string): string =>
  showProperty({ name: dataset.name, type: dataset.kind, pool, dataset }, property).value ?? "-";

/** Mounts a filesystem where `zfs create` and `zfs receive` would do so by themselves. */
export function mountIfWanted(pool: Pool, dataset: Dataset): void {
  if (dataset.kind === "volume" || !isKeyAvailable(pool, dataset)) return;
  if (shownValue(pool, dataset, "canmount") !== "on") return;
  dataset.mounted = shownValue(pool, dataset, "mountpoint").startsWith("/");
  if (dataset.mounted) makeDirectory(pool, dataset);
}

/** The mounted filesystem in which the mountpoint's directory is, and the directory's block id. */
function directoryOf(pool: Pool, dataset: Dataset): { readonly parent: Dataset; readonly id: string } | undefined {
  const parent = pool.datasets[parentName(dataset.name) ?? ""];
  if (!parent?.mounted || "mountpoint" in dataset.props) return undefined;
  return { parent, id: `${DIRECTORY}${dataset.name.slice(parent.name.length + 1)}` };
}

const DIRECTORY = "directory ";
const DIRECTORY_BYTES = 512;

/** Mounting creates the directory in the parent filesystem, which counts as a change of the parent. */
function makeDirectory(pool: Pool, dataset: Dataset): void {
  const where = directoryOf(pool, dataset);
  if (where === undefined || where.id in where.parent.content) return;
  pool.txg += 1;
  const block = { bytes: DIRECTORY_BYTES, stamp: -dataset.object };
  where.parent.content = { ...where.parent.content, [where.id]: block };
  where.parent.modifiedTxg = pool.txg;
}

/** Destroying or renaming a mounted filesystem removes its directory again. */
export function removeDirectory(pool: Pool, dataset: Dataset): void {
  const where = directoryOf(pool, dataset);
  if (dataset.mounted && where !== undefined && where.id in where.parent.content)
    removeBlock(pool, where.parent, where.id);
}

function openFilesystem(world: World, name: string): Dataset {
  const dataset = openDataset(world, name);
  if (dataset.kind === "volume") fail(`cannot open '${name}': operation not applicable to datasets of this type`);
  return dataset;
}

/** `zfs mount FS` */
export function cmdMount(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs mount", "aflvOo:", args);
  const name = operands[0] ?? fail(`missing dataset argument\n${usage("zfs mount")}`, 2);
  const dataset = openFilesystem(world, name);
  const pool = poolFor(world, dataset);
  const what = `cannot mount '${name}'`;
  const mountpoint = shownValue(pool, dataset, "mountpoint");
  if (mountpoint === "none") fail(`${what}: no mountpoint set`);
  if (mountpoint === "legacy") fail(`${what}: legacy mountpoint\nuse mount(8) to mount this filesystem`);
  if (shownValue(pool, dataset, "canmount") === "off") fail(`${what}: 'canmount' property is set to 'off'`);
  if (dataset.mounted) fail(`${what}: filesystem already mounted`);
  if (!isKeyAvailable(pool, dataset)) fail(`${what}: encryption key not loaded`);
  dataset.mounted = true;
  makeDirectory(pool, dataset);
  return ok();
}

/** `zfs unmount FS` */
export function cmdUnmount(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs unmount", "afu", args);
  const name = operands[0] ?? fail(`missing filesystem argument\n${usage("zfs unmount")}`, 2);
  const dataset = openFilesystem(world, name);
  if (shownValue(poolFor(world, dataset), dataset, "mountpoint") === "none")
    fail(`cannot unmount '${name}': not currently mounted`);
  if (!dataset.mounted) fail(`cannot unmount '${name}': not currently mounted`);
  dataset.mounted = false;
  return ok();
}

function openEncryptionRoot(world: World, name: string, verb: "load" | "unload"): Dataset {
  const what = `Key ${verb} error`;
  const dataset = openDataset(world, name);
  if (dataset.encryption === null) fail(`${what}: '${name}' is not encrypted.`, 255);
  const root = encryptionRootOf(poolFor(world, dataset), dataset);
  if (root !== dataset) fail(`${what}: Keys must be ${verb}ed for encryption root of '${name}' (${root?.name}).`, 255);
  return dataset;
}

/** `zfs load-key FS`: the key is always right. */
export function cmdLoadKey(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs load-key", "rnaL:", args);
  const name = operands[0] ?? fail(`Missing dataset argument or -a option\n${usage("zfs load-key")}`, 2);
  const { encryption } = openEncryptionRoot(world, name, "load");
  if (encryption?.keyLoaded) fail(`Key load error: Key already loaded for '${name}'.`, 255);
  if (encryption) encryption.keyLoaded = true;
  return ok();
}

/** `zfs unload-key FS`: fails while something below is mounted. */
export function cmdUnloadKey(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs unload-key", "ra", args);
  const name = operands[0] ?? fail(`Missing dataset argument or -a option\n${usage("zfs unload-key")}`, 2);
  const dataset = openEncryptionRoot(world, name, "unload");
  const { encryption } = dataset;
  if (!encryption?.keyLoaded) fail(`Key unload error: Key already unloaded for '${name}'.`, 255);
  const pool = poolFor(world, dataset);
  const busy = subtree(pool, name).some((below) => below.mounted && encryptionRootOf(pool, below) === dataset);
  if (busy) fail(`Key unload error: '${name}' is busy.`, 255);
  encryption.keyLoaded = false;
  return ok();
}
