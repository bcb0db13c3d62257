/** What the last runs did, as files for the textfile collector of Prometheus's node_exporter. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Counter, Gauge, Registry } from "prom-client";
import { EXIT } from "../errors.ts";
import type { RunSummary } from "../observers.ts";
import { version } from "../version.ts";
import { parseSamples, type Samples } from "./metrics-samples.ts";
import type { JobTally } from "./tally.ts";

export interface MetricsTarget {
  /** A file for all jobs of the invocation. */
  readonly file: string | undefined;
  /** A directory for a file per job and command. */
  readonly textfileDir: string | undefined;
  readonly warn: (message: string) => void;
}

/** Writes each file atomically; what can't be written is a warning. */
export async function writeMetrics(summary: RunSummary, { file, textfileDir, warn }: MetricsTarget): Promise<void> {
  // who holds the lock tells of the job; an invocation that did nothing must not overwrite that
  const jobs = summary.jobs.filter(({ ended }) => ended !== undefined && ended.exitCode !== EXIT.locked);
  const files = new Map<string, readonly JobTally[]>();
  if (file !== undefined && jobs.length > 0) files.set(file, jobs);
  if (textfileDir !== undefined)
    for (const job of jobs) files.set(join(textfileDir, metricsFileName(job.job, summary.command)), [job]);
  for (const [path, tallies] of files) {
    try {
      writeAtomically(path, await metricsText(tallies, summary, parseSamples(readIfThere(path))));
    } catch (error) {
      warn(`cannot write metrics to ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** A file of its own for each job and command; a job's name may have blanks and colons in it. */
export function metricsFileName(job: string, command: string): string {
  return `zrepl_run_${encodeURIComponent(job)}.${command}.prom`;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function writeAtomically(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * The text of a file. `before` is what it said so far: times of success and sums go on from there, so that they mean what
 * they mean in zrepl, where a process remembers them.
 */
export function metricsText(jobs: readonly JobTally[], summary: RunSummary, before: Samples): Promise<string> {
  const registry = new Registry();
  const metrics = define(registry);
  for (const job of jobs) addJob(job, summary, before, metrics);
  return registry.metrics();
}

function addJob(
  { job, counts, phases, bytesByFilesystem, ended }: JobTally,
  { command, endMs }: RunSummary,
  before: Samples,
  metrics: ReturnType<typeof define>,
): void {
  if (ended === undefined) return;
  const labels = { zrepl_job: job, command };
  const endSec = Math.floor(endMs / 1000);
  metrics.info.set({ ...labels, version }, 1);
  metrics.lastRun.set(labels, endSec);
  metrics.exitCode.set(labels, ended.exitCode);
  metrics.duration.set(labels, ended.seconds);
  const success =
    ended.exitCode === EXIT.ok ? endSec : before.value("zrepl_run_last_success_timestamp_seconds", labels);
  if (success !== undefined) metrics.lastSuccess.set(labels, success);
  metrics.snapshots.set(labels, counts.snapshotsTaken);
  metrics.steps.set(labels, counts.stepsDone);
  metrics.bytes.set(labels, counts.bytesReplicated);
  metrics.destroyed.set(labels, counts.snapshotsDestroyed);
  metrics.warnings.set(labels, counts.warnings);
  metrics.errors.set(labels, counts.errors);
  for (const { phase, side = "", done, failed } of phases) {
    metrics.done.set({ ...labels, phase, side }, done);
    metrics.failed.set({ ...labels, phase, side }, failed);
  }
  if (
    command === "push" ||
    command === "pull" ||
    (command === "run" && phases.some(({ phase }) => phase === "replicate"))
  )
    addReplication(labels, phases, endSec, before, metrics);
  for (const [filesystem, bytes] of bytesByFilesystem) metrics.replicated.inc({ ...labels, filesystem }, bytes);
  for (const [{ filesystem = "", ...of }, bytes] of before.all("zrepl_replication_bytes_replicated"))
    if (of["zrepl_job"] === job && of["command"] === command) metrics.replicated.inc({ ...labels, filesystem }, bytes);
}

/** What zrepl has too. */
function addReplication(
  labels: { readonly zrepl_job: string; readonly command: string },
  phases: JobTally["phases"],
  endSec: number,
  before: Samples,
  metrics: ReturnType<typeof define>,
): void {
  const replication = phases.find(({ phase }) => phase === "replicate");
  metrics.filesystemErrors.set(labels, replication?.failed ?? -1);
  const success = replication?.failed === 0 ? endSec : before.value("zrepl_replication_last_successful", labels);
  if (success !== undefined) metrics.lastSuccessful.set(labels, success);
}

function define(registry: Registry) {
  const gauge = (name: string, help: string, more: readonly string[] = []) =>
    new Gauge({ name, help, labelNames: ["zrepl_job", "command", ...more], registers: [registry] });
  const phase = ["phase", "side"];
  return {
    info: gauge("zrepl_run_info", "Version of zrepl-run that ran last", ["version"]),
    lastRun: gauge("zrepl_run_last_run_timestamp_seconds", "When the last run ended"),
    lastSuccess: gauge("zrepl_run_last_success_timestamp_seconds", "When the last run with exit status 0 ended"),
    exitCode: gauge("zrepl_run_exit_code", "Exit status of the job in the last run, see zrepl-run(1)"),
    duration: gauge("zrepl_run_duration_seconds", "How long the job took in the last run"),
    done: gauge("zrepl_run_filesystems_done", "Filesystems done in the last run (snapshot: snapshots)", phase),
    failed: gauge("zrepl_run_filesystems_failed", "Filesystems failed in the last run", phase),
    snapshots: gauge("zrepl_run_snapshots_taken", "Snapshots taken in the last run"),
    steps: gauge("zrepl_run_snapshots_replicated", "Snapshots replicated in the last run"),
    bytes: gauge("zrepl_run_replicated_bytes", "Bytes replicated in the last run"),
    destroyed: gauge("zrepl_run_snapshots_destroyed", "Snapshots destroyed in the last run"),
    warnings: gauge("zrepl_run_warnings", "Warnings logged in the last run"),
    errors: gauge("zrepl_run_errors", "Errors logged in the last run"),
    lastSuccessful: gauge(
      "zrepl_replication_last_successful",
      "timestamp of last successful replication, zero filesystems failed",
    ),
    filesystemErrors: gauge(
      "zrepl_replication_filesystem_errors",
      "number of filesystems that failed replication in the last run, or -1 if it failed before enumerating them",
    ),
    replicated: new Counter({
      name: "zrepl_replication_bytes_replicated",
      help: "number of bytes replicated from sender to receiver per filesystem",
      labelNames: ["zrepl_job", "command", "filesystem"],
      registers: [registry],
    }),
  };
}
