import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Row } from "./compare.ts";
import { describeReport, replaceTables } from "./report.ts";

const times = (median: number) => ({ median, low: median - 0.5, high: median + 0.5 });
const contender = { cpuSec: times(1), nodeCpuSec: undefined, nodePeakMib: undefined, counts: undefined };
const row: Row = {
  work: "some work",
  size: "3 filesystems",
  by: "wall",
  rounds: 5,
  results: [
    { ...contender, name: "bare", wallSec: times(1), ratio: undefined },
    { ...contender, name: "zrepl-run", wallSec: times(2), ratio: times(2), counts: { zfs: 4, ssh: 0, txgs: 1 } },
    { ...contender, name: "other", wallSec: times(9), ratio: { meaningless: "rounds differ too much: 1.00 to 9.00" } },
  ],
};
const report = { benchmark: "some", machine: "a machine", date: "2026-01-01", rows: [row] };

test("columns that nobody has a value for are left out; a ratio that means nothing says so", () => {
  expect(describeReport(report)).toBe(`### some

2026-01-01; a machine

**some work**: 3 filesystems, 5 rounds, ratios by time

|  | ratio | s | CPU s | zfs + zpool | txgs |
| --- | --- | --- | --- | --- | --- |
| bare | 1 | 1.00 (0.50–1.50) | 1.00 (0.50–1.50) |  |  |
| zrepl-run | **2.00** (1.50–2.50) | 2.00 (1.50–2.50) | 1.00 (0.50–1.50) | 4 | 1 |
| other | none: rounds differ too much: 1.00 to 9.00 | 9.00 (8.50–9.50) | 1.00 (0.50–1.50) |  |  |`);
});

test("the page in the documentation has a place for the tables", () => {
  const page = readFileSync(new URL("../../docs/benchmarks.md", import.meta.url), "utf8");
  const filled = replaceTables(page, [report]);
  expect(filled).toContain("### some\n");
  expect(replaceTables(filled, [report])).toBe(filled);
});
