/** From measurements to text: the tables of docs/benchmarks.md and what the terminal shows. Pure. */
import type { Counts, Result, Row } from "./compare.ts";
import type { Ratio, Summary } from "./statistics.ts";

/** What one benchmark wrote into bench/results. */
export interface Report {
  readonly benchmark: string;
  readonly machine: string;
  readonly date: string;
  readonly rows: readonly Row[];
}

export function describeReport({ benchmark, machine, date, rows }: Report): string {
  return [`### ${benchmark}`, "", `${date}; ${machine}`, ...rows.map((row) => `\n${describeRow(row)}`)].join("\n");
}

function describeRow({ work, size, by, rounds, results }: Row): string {
  const head = `**${work}**: ${size}, ${rounds} rounds, ratios by ${by === "wall" ? "time" : "CPU time"}`;
  const columns = ["", "ratio", "s", "CPU s", "Node's CPU s", "Node's peak MiB", "zfs + zpool", "ssh", "txgs"];
  const lines = results.map((result) => cells(result));
  const used = columns.map((_, index) => index < 4 || lines.some((line) => line[index] !== "" && line[index] !== "–"));
  const row = (values: readonly string[]) => `| ${values.filter((_, index) => used[index]).join(" | ")} |`;
  return [head, "", row(columns), row(columns.map(() => "---")), ...lines.map(row)].join("\n");
}

function cells({ name, ratio, wallSec, cpuSec, nodeCpuSec, nodePeakMib, counts }: Result): string[] {
  const peak = nodePeakMib === undefined ? "" : nodePeakMib.toFixed(0);
  return [
    name,
    describeRatio(ratio),
    range(wallSec),
    range(cpuSec),
    range(nodeCpuSec),
    peak,
    ...describeCounts(counts),
  ];
}

function describeRatio(ratio: Ratio | undefined): string {
  if (ratio === undefined) return "1";
  if (ratio.meaningless !== undefined) return `none: ${ratio.meaningless}`;
  return `**${ratio.median.toFixed(2)}** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}

function range(summary: Summary | undefined): string {
  if (summary === undefined) return "";
  const { median, low, high } = summary;
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function describeCounts(counts: Counts | undefined): string[] {
  if (counts === undefined) return ["", "", ""];
  return [String(counts.zfs), counts.ssh === 0 ? "–" : String(counts.ssh), String(counts.txgs ?? "")];
}

const BEGIN = "<!-- measured: written by npm run bench -->";
const END = "<!-- end of what was measured -->";

/** Puts the tables into the page, between its two marks. */
export function replaceTables(page: string, reports: readonly Report[]): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${reports.map(describeReport).join("\n\n")}\n\n${END}${after}`;
}
