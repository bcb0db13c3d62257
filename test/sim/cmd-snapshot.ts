import { EXIT_SIGSEGV } from "./exit-codes.ts";
import { findDataset, poolFor, subtree } from "./lookup.ts";
import { checkName, poolOf, splitName } from "./names.ts";
import { parseOptions, propertyOptions } from "./options.ts";
import { isPermitted } from "./permissions.ts";
import { isUserProperty } from "./properties.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Dataset, nextGuid, type Pool, type Snapshot, syncTxg, type World } from "./world.ts";

/** Freezes the live content of a dataset under a name, in transaction group `txg`. */
export function addSnapshot(world: World, dataset: Dataset, name: string, txg: number): Snapshot {
  const snapshot: Snapshot = {
    name,
    guid: nextGuid(world),
    object: world.nextObject++,
    createtxg: txg,
    creationSec: world.nowSec,
    content: dataset.content,
    holds: {},
    props: {},
    deferDestroy: false,
    ivset: dataset.encryption === null ? null : nextGuid(world),
  };
  dataset.snapshots.push(snapshot);
  return snapshot;
}

/** True for a new filesystem whose first receive with -s is not complete. */
const isHalfReceived = (dataset: Dataset): boolean => dataset.inconsistent && (dataset.partial?.resumable ?? false);

/** Errno name of what stops `dataset@name` from being created. */
export function snapshotProblem(dataset: Dataset, name: string): string | undefined {
  if (dataset.snapshots.some((snapshot) => snapshot.name === name)) return "dataset already exists";
  return isHalfReceived(dataset) ? "dataset is busy" : undefined;
}

interface Target {
  readonly dataset: Dataset;
  readonly snap: string;
}

/** Resolves the operands; a missing filesystem prints usage, as 2.1 does. */
function targets(world: World, operands: readonly string[], recursive: boolean): Target[] {
  const found: Target[] = [];
  for (const operand of operands) {
    const { fs, delimiter, tail } = splitName(operand);
    if (delimiter !== "@") fail(usage("zfs snapshot"), 2);
    const dataset = findDataset(world, fs);
    if (dataset === undefined) fail(`cannot open '${fs}': dataset does not exist\n${usage("zfs snapshot")}`, 2);
    const all = recursive ? subtree(poolFor(world, dataset), fs) : [dataset];
    for (const each of all.filter((candidate) => !recursive || !isHalfReceived(candidate)))
      if (!found.some((target) => target.dataset === each && target.snap === tail))
        found.push({ dataset: each, snap: tail });
  }
  return found;
}

function refuseMixture(list: readonly Target[]): void {
  const datasets = new Set(list.map((target) => target.dataset));
  const pools = new Set(list.map((target) => poolOf(target.dataset.name)));
  if (datasets.size < list.length || pools.size > 1)
    fail("cannot create snapshots : multiple snapshots of same fs not allowed\nno snapshots were created");
}

function refuseProblems(list: readonly Target[], wasMany: boolean): void {
  const lines = list.flatMap(({ dataset, snap }) => {
    const problem = snapshotProblem(dataset, snap);
    return problem === undefined ? [] : [`cannot create snapshot '${dataset.name}@${snap}': ${problem}`];
  });
  if (lines.length > 0) fail([...lines, ...(wasMany ? ["no snapshots were created"] : [])].join("\n"));
}

/** `zfs snapshot [-r] [-o user:p=v]… FS@SNAP…`: all or nothing, one createtxg. */
export function cmdSnapshot(world: World, args: readonly string[]): Result {
  const { flags, values, operands } = parseOptions("zfs snapshot", "ro:", args);
  const properties = propertyOptions("zfs snapshot", values["o"]);
  if (operands.length === 0) fail(`missing snapshot argument\n${usage("zfs snapshot")}`, 2);
  const list = targets(world, operands, flags.has("r"));
  if (list.length === 0) return { stdout: "", stderr: "", exitCode: EXIT_SIGSEGV };
  const wasMany = operands.length > 1 || flags.has("r");
  for (const { dataset, snap } of list) {
    const name = `${dataset.name}@${snap}`;
    checkName(name, `cannot create snapshot '${name}'`, { snapshot: true, modifying: true });
  }
  if (properties.some(([name]) => !isUserProperty(name)))
    fail("cannot create snapshots : this property can not be modified for snapshots");
  refuseMixture(list);
  if (list.some(({ dataset }) => !isPermitted(world, dataset.name, "snapshot")))
    fail(`cannot create snapshots : permission denied${wasMany ? "\nno snapshots were created" : ""}`);
  refuseProblems(list, wasMany);
  const pool = poolFor(world, list[0]?.dataset ?? fail("cannot create snapshots : invalid argument"));
  takeAll(world, pool, list, properties);
  return ok();
}

function takeAll(world: World, pool: Pool, list: readonly Target[], properties: readonly [string, string][]): void {
  const txg = syncTxg(pool);
  for (const { dataset, snap } of list) {
    const snapshot = addSnapshot(world, dataset, snap, txg);
    for (const [name, value] of properties) snapshot.props[name] = { local: value };
  }
}
