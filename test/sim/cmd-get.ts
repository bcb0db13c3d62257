import { depthOf, propertyName, typesOf } from "./cmd-list.ts";
import { compareEntries, walk } from "./iterate.ts";
import type { Entry } from "./lookup.ts";
import { parseOptions } from "./options.ts";
import { isKnownProperty, isUserProperty, showProperty } from "./properties.ts";
import { NATIVE } from "./property-table.ts";
import { fail, Output, type Result } from "./result.ts";
import { formatBytes } from "./size.ts";
import { usage } from "./usage.ts";
import type { World } from "./world.ts";

const FIELDS = ["name", "property", "value", "source"];
const SOURCES = ["local", "default", "inherited", "received", "temporary", "none"];

interface Shown {
  readonly fields: readonly string[];
  readonly sources: ReadonlySet<string>;
  readonly header: boolean;
}

function rowOf(entry: Entry, property: string, shown: Shown, parsable: boolean): string[] | undefined {
  const { value, source } = showProperty(entry, property);
  const kind = source === "-" ? "none" : source.startsWith("inherited") ? "inherited" : source;
  if (!shown.sources.has(kind)) return undefined;
  const size = !parsable && /^(used|available|referenced|written|volsize)/.test(property) && value !== undefined;
  const row: Record<string, string> = {
    name: entry.name,
    property,
    value: value === undefined ? "-" : size ? formatBytes(Number(value)) : value,
    source,
  };
  return shown.fields.map((field) => row[field] ?? "-");
}

function propertiesFor(entry: Entry, list: string): string[] {
  if (list !== "all") return list.split(",").map(propertyName);
  const native = Object.keys(NATIVE).filter((name) => showProperty(entry, name).value !== undefined);
  const user = new Set(
    [...Object.keys(entry.dataset.props), ...Object.keys(entry.snapshot?.props ?? {})].filter(isUserProperty),
  );
  return [...native, ...user];
}

function print(rows: readonly string[][], shown: Shown, tabs: boolean): string {
  if (tabs) return rows.map((row) => `${row.join("\t")}\n`).join("");
  if (rows.length === 0) return "";
  const all = [shown.fields.map((field) => field.toUpperCase()), ...rows];
  const widths = shown.fields.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) => `${row.map((text, i) => (i === row.length - 1 ? text : text.padEnd(widths[i] ?? 0))).join("  ")}\n`)
    .join("");
}

/** `zfs get [-rHp] [-d N] [-o F,…] [-t T,…] [-s S,…] P,… DATASET…` */
export function cmdGet(world: World, args: readonly string[]): Result {
  const { flags, values, operands } = parseOptions("zfs get", "d:o:s:rt:Hp", args);
  const [list, ...names] = operands;
  if (list === undefined) fail(`missing property argument\n${usage("zfs get")}`, 2);
  const bad =
    list === "all"
      ? undefined
      : list
          .split(",")
          .map(propertyName)
          .find((name) => !isKnownProperty(name));
  if (bad !== undefined) fail(`bad property list: invalid property '${bad}'\n${usage("zfs get")}`, 2);
  const fields = (values["o"]?.at(-1) ?? "all") === "all" ? FIELDS : (values["o"]?.at(-1) ?? "").split(",");
  const sources = new Set((values["s"]?.at(-1) ?? SOURCES.join(",")).split(","));
  const shown: Shown = { fields, sources, header: !flags.has("H") };
  const types = typesOf("zfs get", values["t"]?.at(-1), ["filesystem", "volume", "snapshot", "bookmark"]);
  const output = new Output();
  const depth = depthOf(flags, values["d"]?.at(-1));
  const entries = walk(world, { types, depth, operands: names }, output).sort(compareEntries);
  const rows = entries.flatMap((entry) =>
    propertiesFor(entry, list).flatMap((property) => {
      const row = rowOf(entry, property, shown, flags.has("p"));
      return row === undefined ? [] : [row];
    }),
  );
  output.stdout = print(rows, shown, flags.has("H"));
  return output.result();
}
