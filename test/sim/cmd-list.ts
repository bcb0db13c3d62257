import { type DatasetType, parseTypes, type SortColumn, sortEntries, walk } from "./iterate.ts";
import type { Entry } from "./lookup.ts";
import { parseOptions } from "./options.ts";
import { isKnownProperty, showProperty } from "./properties.ts";
import { fail, Output, type Result } from "./result.ts";
import { formatBytes } from "./size.ts";
import { usage } from "./usage.ts";
import type { World } from "./world.ts";

const SIZES = new Set(["used", "available", "avail", "referenced", "refer", "written", "volsize", "usedbysnapshots"]);
const RIGHT = new Set([...SIZES, "userrefs", "createtxg", "guid", "objsetid"]);
const ALIASES: Readonly<Record<string, string>> = { avail: "available", refer: "referenced" };

/** Long names of the aliases that ZFS accepts. */
export const propertyName = (name: string): string => ALIASES[name] ?? name;

function cell(entry: Entry, property: string, parsable: boolean): string {
  const { value } = showProperty(entry, property);
  if (value === undefined) return "-";
  return !parsable && SIZES.has(property) ? formatBytes(Number(value)) : value;
}

function heading(property: string): string {
  const short: Record<string, string> = { available: "AVAIL", referenced: "REFER" };
  return short[property] ?? property.toUpperCase();
}

/** Aligned columns, as without -H. */
function table(rows: readonly (readonly string[])[], columns: readonly string[]): string {
  const right = columns.map((column) => RIGHT.has(column));
  const all = [columns.map(heading), ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) =>
        right[i] ? text.padStart(widths[i] ?? 0) : i === row.length - 1 ? text : text.padEnd(widths[i] ?? 0),
      )
      .join("  ");
  return all.map((row) => `${line(row)}\n`).join("");
}

function sortColumns(args: readonly string[]): SortColumn[] {
  const columns: SortColumn[] = [];
  args.forEach((arg, i) => {
    if (arg === "-s" || arg === "-S")
      columns.push({ property: propertyName(args[i + 1] ?? ""), reverse: arg === "-S" });
  });
  return columns;
}

/** Depth from -r and -d: null without either. */
export function depthOf(flags: ReadonlySet<string>, d: string | undefined): number | null {
  if (d !== undefined) return Number(d);
  return flags.has("r") ? Number.POSITIVE_INFINITY : null;
}

/** Which types to show; fails with usage on a bad name. */
export function typesOf(
  command: string,
  text: string | undefined,
  otherwise: readonly DatasetType[],
): Set<DatasetType> {
  if (text === undefined) return new Set(otherwise);
  const parsed = parseTypes(text);
  return "bad" in parsed ? fail(`invalid type '${parsed.bad}'\n${usage(command)}`, 2) : parsed.types;
}

/** `zfs list [-Hp] [-r|-d N] [-o P,…] [-s P]… [-S P]… [-t T,…] [DATASET…]` */
export function cmdList(world: World, args: readonly string[]): Result {
  const { flags, values, operands } = parseOptions("zfs list", "HS:d:o:prs:t:", args);
  const columns = (values["o"]?.at(-1) ?? "name,used,available,referenced,mountpoint").split(",").map(propertyName);
  const bad = columns.find((column) => !isKnownProperty(column));
  if (bad !== undefined) fail(`bad property list: invalid property '${bad}'\n${usage("zfs list")}`, 2);
  const hasSnapshot = operands.some((operand) => operand.includes("@"));
  const otherwise: DatasetType[] = hasSnapshot ? ["filesystem", "volume", "snapshot"] : ["filesystem", "volume"];
  const types = typesOf("zfs list", values["t"]?.at(-1), otherwise);
  const output = new Output();
  const entries = walk(world, { types, depth: depthOf(flags, values["d"]?.at(-1)), operands }, output);
  const parsable = flags.has("p");
  const rows = sortEntries(entries, sortColumns(args)).map((entry) =>
    columns.map((column) => cell(entry, column, parsable)),
  );
  if (flags.has("H")) output.stdout = rows.map((row) => `${row.join("\t")}\n`).join("");
  else if (rows.length > 0) output.stdout = table(rows, columns);
  else if (output.exitCode === 0) output.stderr = "no datasets available\n";
  return output.result();
}
