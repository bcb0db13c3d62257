import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunSummary } from "../../src/observers.ts";
import type { Event } from "../../src/report/events.ts";
import { metricsFileName, writeMetrics } from "../../src/report/metrics.ts";
import { parseSamples } from "../../src/report/metrics-samples.ts";
import { Tally } from "../../src/report/tally.ts";

const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;
if (!hasPromtool) console.log("skipped: promtool is missing (Debian package prometheus)");

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const JOB = 'my job: a."b"';
const ODD = 'tank/a "b" \\c';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-metrics-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const step = (filesystem: string, bytes: number): Event => ({
  ...{ event: "stepDone", job: JOB, filesystem, kind: "full", to: "@a", step: 1, steps: 1, bytes, seconds: 1 },
});
const ended = (exitCode: 0 | 1 | 3 | 75): Event => ({ event: "jobDone", job: JOB, exitCode, seconds: 1.5 });
const replicated = (failed: number): Event => ({
  ...{ event: "phaseDone", job: JOB, phase: "replicate", done: 2, failed, summary: "s" },
});

function summary(endSec: number, events: readonly Event[], command = "push"): RunSummary {
  const tally = new Tally();
  for (const event of events) tally.add(event);
  return { command, exitCode: 0, seconds: 1, endMs: endSec * 1000, jobs: tally.jobs };
}

async function write(one: RunSummary, target: { file?: string; textfileDir?: string }): Promise<string[]> {
  const warnings: string[] = [];
  const { file, textfileDir } = target;
  await writeMetrics(one, { file, textfileDir, warn: (message) => warnings.push(message) });
  return warnings;
}

describe("a file of metrics", () => {
  test("has what was done, and keeps times and sums over failed runs", async () => {
    const file = join(dir, "one.prom");
    const labels = { zrepl_job: JOB, command: "push" };
    const read = () => parseSamples(readFileSync(file, "utf8"));
    expect(await write(summary(1000, [step(ODD, 5), step("tank/b", 7), replicated(0), ended(0)]), { file })).toEqual(
      [],
    );
    expect(read().value("zrepl_run_last_success_timestamp_seconds", labels)).toBe(1000);
    expect(read().value("zrepl_replication_last_successful", labels)).toBe(1000);

    await write(summary(2000, [step(ODD, 10), replicated(1), ended(3)]), { file });
    const now = read();
    expect(now.value("zrepl_run_exit_code", labels)).toBe(3);
    expect(now.value("zrepl_run_last_run_timestamp_seconds", labels)).toBe(2000);
    expect(now.value("zrepl_run_last_success_timestamp_seconds", labels)).toBe(1000);
    expect(now.value("zrepl_replication_last_successful", labels)).toBe(1000);
    expect(now.value("zrepl_replication_filesystem_errors", labels)).toBe(1);
    expect(now.value("zrepl_run_replicated_bytes", labels)).toBe(10);
    expect(now.value("zrepl_replication_bytes_replicated", { ...labels, filesystem: ODD })).toBe(15);
    expect(now.value("zrepl_replication_bytes_replicated", { ...labels, filesystem: "tank/b" })).toBe(7);

    await write(summary(3000, [ended(1)]), { file });
    expect(read().value("zrepl_replication_filesystem_errors", labels)).toBe(-1);
  });

  test.skipIf(!hasPromtool)("pleases promtool", async () => {
    const file = join(dir, "checked.prom");
    await write(summary(1000, [step(ODD, 5), replicated(0), ended(0)]), { file });
    const { stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: readFileSync(file),
      encoding: "utf8",
    });
    // names that are zrepl's are not ours to improve
    const complaints = `${stdout}${stderr}`
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("zrepl_replication_"));
    expect(complaints).toEqual([]);
  });
});

describe("in a directory", () => {
  test("each job and command has its own file, with a safe name, and nothing else is left", async () => {
    const textfileDir = join(dir, "textfiles");
    mkdirSync(textfileDir);
    for (const command of ["snap", "push"]) await write(summary(1, [ended(0)], command), { textfileDir });
    const names = ["push", "snap"].map((command) => `zrepl_run_my%20job%3A%20a.%22b%22.${command}.prom`);
    expect(readdirSync(textfileDir).sort()).toEqual(names);
    expect(metricsFileName("a/../b", "run")).not.toContain("/");
  });

  test("an invocation that found the job locked writes nothing", async () => {
    const textfileDir = join(dir, "locked");
    mkdirSync(textfileDir);
    await write(summary(1, [ended(75)]), { textfileDir });
    expect(readdirSync(textfileDir)).toEqual([]);
  });

  test("that is not there is a warning", async () => {
    const warnings = await write(summary(1, [ended(0)]), { textfileDir: join(dir, "nowhere") });
    expect(warnings).toEqual([expect.stringMatching(/^cannot write metrics to .*nowhere.*ENOENT/)]);
  });
});

describe("contrib", () => {
  const known = () => {
    const source = readFileSync(path("src/report/metrics.ts"), "utf8");
    return new Set([...source.matchAll(/"(zrepl_[a-z_]+)"/g)].map(([, name]) => name));
  };

  test.each(["contrib/prometheus/zrepl-run.rules.yml", "contrib/grafana/zrepl-run.json"])(
    "%s uses metrics that there are",
    (file) => {
      const used = readFileSync(path(file), "utf8").match(/\bzrepl_(run|replication)_[a-z_]+/g) ?? [];
      expect(used.length).toBeGreaterThan(5);
      for (const name of used) expect(known()).toContain(name);
    },
  );

  test.skipIf(!hasPromtool).each([
    ["check", "contrib/prometheus/zrepl-run.rules.yml"],
    ["test", "test/contrib/rules-test.yml"],
  ])("promtool %s rules %s", (verb, file) => {
    const { status, stdout, stderr } = spawnSync("promtool", [verb, "rules", path(file)], { encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});
