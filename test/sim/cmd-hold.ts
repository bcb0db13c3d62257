import { reapDeferred } from "./content.ts";
import { compareText, findDataset, findSnapshot, poolFor, subtree } from "./lookup.ts";
import { splitName } from "./names.ts";
import { parseOptions } from "./options.ts";
import { isPermitted } from "./permissions.ts";
import { fail, Output, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Dataset, type Snapshot, syncTxg, type World } from "./world.ts";

interface Request {
  readonly tag: string;
  readonly recursive: boolean;
  readonly snapshots: readonly string[];
}

function parse(command: string, args: readonly string[]): Request {
  const { flags, operands } = parseOptions(command, "r", args);
  const [tag, ...snapshots] = operands;
  if (tag === undefined || snapshots.length === 0) fail(usage(command), 2);
  if (command === "zfs hold" && tag.startsWith(".")) fail(`tag may not start with '.'\n${usage(command)}`, 2);
  return { tag, recursive: flags.has("r"), snapshots };
}

/** The snapshots that one operand names; prints why if there are none. */
function resolve(
  world: World,
  operand: string,
  recursive: boolean,
  output: Output,
  what: string,
): [Dataset, Snapshot][] {
  const { fs, delimiter, tail } = splitName(operand);
  if (delimiter !== "@") {
    output.error(`'${operand}' is not a snapshot`);
    return [];
  }
  const dataset = findDataset(world, fs);
  if (dataset === undefined) {
    output.error(`cannot open '${fs}': dataset does not exist`);
    return [];
  }
  const all = recursive ? subtree(poolFor(world, dataset), fs) : [dataset];
  const found = all.flatMap((each): [Dataset, Snapshot][] => {
    const snapshot = each.snapshots.find((candidate) => candidate.name === tail);
    return snapshot === undefined ? [] : [[each, snapshot]];
  });
  if (found.length === 0) output.error(`${what} '${operand}': dataset does not exist`);
  return found;
}

function holdOne(world: World, operand: string, request: Request, output: Output): void {
  const found = resolve(world, operand, request.recursive, output, "cannot hold snapshot");
  const what = `cannot hold snapshot '${operand}'`;
  if (found.length === 0) return;
  if (found.some(([dataset]) => !isPermitted(world, dataset.name, "hold"))) {
    output.error("cannot hold: permission denied");
    return;
  }
  if (request.tag.length > 255) {
    output.error(`${what}: tag too long`);
    return;
  }
  const clash = found.find(([, snapshot]) => request.tag in snapshot.holds);
  if (clash !== undefined) {
    const name = `${clash[0].name}@${clash[1].name}`;
    output.error(`cannot hold snapshot '${name}': tag already exists on this dataset`);
    return;
  }
  for (const [, snapshot] of found) snapshot.holds[request.tag] = world.nowSec;
}

/** `zfs hold [-r] TAG SNAPSHOT…`: one after the other, so some may be held when others fail. */
export function cmdHold(world: World, args: readonly string[]): Result {
  const request = parse("zfs hold", args);
  const output = new Output();
  for (const operand of request.snapshots) {
    holdOne(world, operand, request, output);
    syncPool(world, operand);
  }
  return output.result();
}

function syncPool(world: World, operand: string): void {
  const dataset = findDataset(world, splitName(operand).fs);
  if (dataset !== undefined) syncTxg(poolFor(world, dataset));
}

/** With -r it is the last filesystem looked at that decides what is said. */
function releaseProblem(world: World, operand: string, recursive: boolean): string {
  const { fs, tail } = splitName(operand);
  const dataset = findDataset(world, fs);
  const last = dataset && recursive ? subtree(poolFor(world, dataset), fs).at(-1) : dataset;
  const isThere = last?.snapshots.some((snapshot) => snapshot.name === tail) ?? false;
  return isThere ? "no such tag on this dataset" : "dataset does not exist";
}

function releaseOne(world: World, operand: string, request: Request, output: Output): void {
  const found = resolve(world, operand, request.recursive, output, "cannot release hold from snapshot");
  const what = `cannot release hold from snapshot '${operand}'`;
  if (found.length === 0) return;
  const held = found.filter(([, snapshot]) => request.tag in snapshot.holds);
  if (held.some(([dataset]) => !isPermitted(world, dataset.name, "release"))) {
    output.error("cannot release: permission denied");
    return;
  }
  for (const [, snapshot] of held) delete snapshot.holds[request.tag];
  if (request.recursive && held.length > 0) return;
  if (held.length < found.length) output.error(`${what}: ${releaseProblem(world, operand, request.recursive)}`);
}

/** `zfs release [-r] TAG SNAPSHOT…` */
export function cmdRelease(world: World, args: readonly string[]): Result {
  const request = parse("zfs release", args);
  const output = new Output();
  for (const operand of request.snapshots) {
    releaseOne(world, operand, request, output);
    syncPool(world, operand);
  }
  for (const pool of Object.values(world.pools)) reapDeferred(pool);
  return output.result();
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number, fill: string): string => String(value).padStart(2, fill);

/** strftime `%a %b %e %H:%M %Y` in UTC, as `zfs holds` prints times (it has no `-p` in 2.1). */
export function formatHoldTime(sec: number): string {
  const time = new Date(sec * 1000);
  const day = `${DAYS[time.getUTCDay()]} ${MONTHS[time.getUTCMonth()]} ${two(time.getUTCDate(), " ")}`;
  return `${day} ${two(time.getUTCHours(), "0")}:${two(time.getUTCMinutes(), "0")} ${time.getUTCFullYear()}`;
}

interface HoldTable {
  readonly rows: string[][];
  /** Width of the name column: that of the longest snapshot looked at, held or not. */
  nameWidth: number;
}

function addHolds(table: HoldTable, dataset: Dataset, snap: string): void {
  for (const snapshot of dataset.snapshots.filter((candidate) => candidate.name === snap)) {
    const name = `${dataset.name}@${snap}`;
    table.nameWidth = Math.max(table.nameWidth, name.length);
    for (const [tag, sec] of Object.entries(snapshot.holds).sort(([a], [b]) => compareText(a, b)))
      table.rows.push([name, tag, formatHoldTime(sec)]);
  }
}

function holdRows(world: World, operands: readonly string[], recursive: boolean, output: Output): HoldTable {
  const table: HoldTable = { rows: [], nameWidth: 4 };
  for (const operand of operands) {
    const { fs, delimiter, tail } = splitName(operand);
    const dataset = findDataset(world, fs);
    if (delimiter !== "@") output.error(`'${operand}' is not a snapshot`);
    else if (dataset === undefined || !findSnapshot(world, operand))
      output.error(`cannot open '${operand}': dataset does not exist`);
    else for (const each of recursive ? subtree(poolFor(world, dataset), fs) : [dataset]) addHolds(table, each, tail);
  }
  return table;
}

function print({ rows, nameWidth }: HoldTable): string {
  const tagWidth = Math.max(3, ...rows.map((row) => row[1]?.length ?? 0));
  return [["NAME", "TAG", "TIMESTAMP"], ...rows]
    .map(([name = "", tag = "", time]) => `${name.padEnd(nameWidth)}  ${tag.padEnd(tagWidth)}  ${time}\n`)
    .join("");
}

/** `zfs holds [-rH] SNAPSHOT…` */
export function cmdHolds(world: World, args: readonly string[]): Result {
  const { flags, operands } = parseOptions("zfs holds", "rH", args);
  if (operands.length === 0) fail(`missing snapshot argument\n${usage("zfs holds")}`, 2);
  const output = new Output();
  const table = holdRows(world, operands, flags.has("r"), output);
  if (flags.has("H")) for (const row of table.rows) output.line(row.join("\t"));
  else output.stdout = print(table);
  if (table.rows.length === 0 && output.exitCode !== 0) output.error("no datasets available");
  return output.result();
}
