/** `npm run bench`: runs the benchmarks, prints them, and writes bench/results and docs/benchmarks.md. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { bulk } from "./bulk.ts";
import type { Benchmark, Context } from "./context.ts";
import { noOp } from "./no-op.ts";
import { oneNew } from "./one-new.ts";
import { findPeers } from "./peers.ts";
import { planning } from "./planning.ts";
import { prune } from "./prune.ts";
import { describeReport, type Report, replaceTables } from "./report.ts";
import { latency, ssh } from "./ssh.ts";
import { startUp } from "./start-up.ts";

const BENCHMARKS: readonly Benchmark[] = [startUp, planning, noOp, oneNew, ssh, latency, prune, bulk];

/** The bundle is in node_modules/.cache/bench. */
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const RESULTS = join(ROOT, "bench/results");
const PAGE = join(ROOT, "docs/benchmarks.md");

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    "bulk-mib": { type: "string" },
    "max-filesystems": { type: "string" },
    peers: { type: "string" },
    "peers-up-to": { type: "string", default: "100" },
    machine: { type: "string" },
  },
});

const names = BENCHMARKS.map(({ name }) => name);
const unknown = (values.only ?? []).filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`no benchmark ${unknown.join(", ")}; there are: ${names.join(", ")}`);

const peers = await findPeers(values.peers);
const context: Context = {
  rounds: Number(values.rounds ?? (values.quick ? 3 : 5)),
  quick: values.quick,
  maxFilesystems: Number(values["max-filesystems"] ?? (values.quick ? 20 : 1000)),
  bulkMib: Number(values["bulk-mib"] ?? (values.quick ? 64 : 1024)),
  peersFor: (filesystems) => (filesystems <= Number(values["peers-up-to"]) ? peers : []),
};
const machine = values.machine ?? (await describeMachine());
let failed = false;
for (const benchmark of BENCHMARKS) {
  if (values.only !== undefined && !values.only.includes(benchmark.name)) continue;
  try {
    const rows = await benchmark.run(context);
    const report: Report = { benchmark: benchmark.name, machine, date: new Date().toISOString().slice(0, 10), rows };
    console.log(`\n${describeReport(report)}`);
    if (!context.quick) write(report);
  } catch (error) {
    failed = true;
    console.error(`bench: ${benchmark.name}:`, error);
  }
}
process.exitCode = failed ? 1 : 0;

/** What `--quick` finds is not worth keeping. */
function write(report: Report): void {
  mkdirSync(RESULTS, { recursive: true });
  const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value);
  writeFileSync(join(RESULTS, `${report.benchmark}.json`), `${JSON.stringify(report, rounded, 2)}\n`);
  const files = readdirSync(RESULTS).filter((name) => name.endsWith(".json"));
  const reports = files.map((name) => JSON.parse(readFileSync(join(RESULTS, name), "utf8")) as Report);
  reports.sort((a, b) => names.indexOf(a.benchmark) - names.indexOf(b.benchmark));
  writeFileSync(PAGE, replaceTables(readFileSync(PAGE, "utf8"), reports));
}

async function describeMachine(): Promise<string> {
  const [zfsVersion = "zfs"] = (await execa("zfs", ["version"], { reject: false })).stdout.split("\n");
  return `${cpus().length} × ${arch()}, ${zfsVersion}, Node ${process.versions.node}`;
}
