/** Columns of the listing that is compared after every operation. */
export const COLUMNS = [
  "name",
  "type",
  "guid",
  "createtxg",
  "creation",
  "userrefs",
  "receive_resume_token",
  "written",
  "referenced",
  "encryption",
  "keystatus",
  "encryptionroot",
  "origin",
  "mounted",
  "defer_destroy",
  "readonly",
  "zrepl:placeholder",
  "u:p",
  "u:s",
] as const;

export type Column = (typeof COLUMNS)[number];
export type Row = Readonly<Record<Column, string>>;

/** `zfs list` of everything in two pools. */
export const listArgv = (pools: readonly string[]): string[] => [
  ...["zfs", "list", "-Hp", "-r", "-t", "filesystem,volume,snapshot,bookmark", "-o", COLUMNS.join(",")],
  ...pools,
];

export function parseRows(text: string): Row[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Object.fromEntries(line.split("\t").map((cell, i) => [COLUMNS[i], cell])) as Row);
}

/** Guids of one side that mean the same as guids of the other: each may have one partner only. */
export class GuidMap {
  readonly #forward = new Map<string, string>();
  readonly #backward = new Map<string, string>();

  /** True if the two may be, or are known to be, the same thing. */
  matches(real: string, simulated: string): boolean {
    const known = this.#forward.get(real);
    if (known !== undefined) return known === simulated;
    if (this.#backward.has(simulated)) return false;
    this.#forward.set(real, simulated);
    this.#backward.set(simulated, real);
    return true;
  }
}

const poolOf = (row: Row): string => row.name.split(/[/@#]/, 1)[0] ?? "";

/** createtxg as a rank inside the pool, so that only order and equality count. */
function ranks(rows: readonly Row[]): Map<Row, number> {
  const byPool = new Map<string, Set<number>>();
  for (const row of rows) byPool.set(poolOf(row), (byPool.get(poolOf(row)) ?? new Set()).add(Number(row.createtxg)));
  const sorted = new Map([...byPool].map(([pool, txgs]) => [pool, [...txgs].sort((a, b) => a - b)]));
  return new Map(rows.map((row) => [row, sorted.get(poolOf(row))?.indexOf(Number(row.createtxg)) ?? -1]));
}

const presence = (value: string): string => (value === "-" ? "-" : "present");
const zeroness = (value: string): string => (value === "-" || value === "0" ? value : "positive");

function same(column: Column, real: string, simulated: string, guids: GuidMap): boolean {
  if (column === "guid") return guids.matches(real, simulated);
  if (column === "creation") return Math.abs(Number(real) - Number(simulated)) <= 3;
  if (column === "receive_resume_token") return presence(real) === presence(simulated);
  if (column === "written" || column === "referenced") return zeroness(real) === zeroness(simulated);
  return column === "createtxg" || real === simulated;
}

/** What differs between the two listings, one line each. */
export function compareListings(real: readonly Row[], simulated: readonly Row[], guids: GuidMap): string[] {
  const names = (rows: readonly Row[]): string => rows.map((row) => row.name).join("\n");
  if (names(real) !== names(simulated)) {
    const missing = real
      .filter((row) => !simulated.some((other) => other.name === row.name))
      .map((row) => `only real: ${row.name}`);
    const extra = simulated
      .filter((row) => !real.some((other) => other.name === row.name))
      .map((row) => `only simulated: ${row.name}`);
    return missing.length + extra.length > 0
      ? [...missing, ...extra]
      : [`order: real ${names(real)}; simulated ${names(simulated)}`];
  }
  const [left, right] = [ranks(real), ranks(simulated)];
  return real.flatMap((row, i) => {
    const other = simulated[i];
    if (other === undefined) return [];
    const cells = COLUMNS.filter((column) => !same(column, row[column], other[column], guids)).map(
      (column) => `${row.name} ${column}: real ${row[column]}, simulated ${other[column]}`,
    );
    return left.get(row) === right.get(other)
      ? cells
      : [...cells, `${row.name} createtxg order: real ${row.createtxg}, simulated ${other.createtxg}`];
  });
}
