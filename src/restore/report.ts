/** A restore for people and for `--json`: what it would do, and what became of it. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { Sender } from "../endpoint/endpoint.ts";
import { hintOf } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { isTemporary } from "../replicate/carry-out.ts";
import type { FilesystemResult } from "../replicate/execute.ts";
import type { FilesystemPlan, ReplicationPlan } from "../replicate/plan.ts";
import type { Step } from "../replicate/plan-steps.ts";
import { stepName } from "../replicate/plan-steps.ts";
import { emitPlanned, estimateAll } from "../replicate/show.ts";
import type { Reporter } from "../report/events.ts";
import { count, formatBytes } from "../report/format.ts";
import { relativeName } from "../zfs/version.ts";
import type { Choice } from "./choose.ts";

export interface Restoring {
  readonly job: PushJob | PullJob;
  readonly plan: ReplicationPlan;
  /** In the plan's order. */
  readonly choices: readonly Choice[];
  /** The receiver's name of an original. */
  readonly replicaOf: (filesystem: string) => string;
}

/** The dry run. */
export async function showRestore(
  { job, plan, choices, replicaOf }: Restoring,
  sender: Sender,
  invocation: Invocation,
): Promise<PhaseResult> {
  const { reporter } = invocation;
  const estimates = await estimateAll(job, plan, { sender }, invocation);
  for (const [index, entry] of plan.filesystems.entries()) {
    const choice = choices[index];
    if (choice === undefined) continue;
    if (!reporter.wantsText) emitPlanned(job.name, entry, estimates, { receiverName: () => choice.target }, invocation);
    else
      for (const text of describe(entry, choice, replicaOf(entry.filesystem), estimates))
        reporter.emit({ event: "planText", job: job.name, text });
  }
  const failed = plan.filesystems.filter(({ outcome }) => outcome === "refused").length;
  const matched = plan.filesystems.length;
  return { matched, done: matched - failed, failed };
}

function describe(
  entry: FilesystemPlan,
  choice: Choice,
  replica: string,
  estimates: ReadonlyMap<Step, number | undefined>,
): string[] {
  const { filesystem, target } = choice;
  const name = target === filesystem ? filesystem : `${filesystem} as ${target}`;
  switch (entry.outcome) {
    case "steps": {
      const steps = entry.steps.map((step) => {
        const bytes = estimates.get(step);
        const size = bytes === undefined ? "size unknown" : `about ${formatBytes(bytes)}`;
        const rest = step.resumeToken === undefined ? "" : "the rest of ";
        return `  ${rest}${stepName(step)} (${size})`;
      });
      return [`${name}: from ${replica}`, ...steps, ...newerNote(choice).map((note) => `  ${note}`)];
    }
    case "upToDate":
      return [`${name}: is there already, at ${relativeName(entry.at)}`];
    case "nothing":
      return [`${name}: left out: ${entry.reason}`];
    case "refused":
      return [`${name}: cannot be restored: ${entry.message}`];
    case "conflict":
      return []; // a restore's plan has none: they are refused, with what can be done
  }
}

/** Tells what became of every filesystem, and counts. */
export function reportRestore(
  { job, plan, choices }: Restoring,
  results: readonly FilesystemResult[],
  reporter: Reporter,
): PhaseResult {
  const errors = new Map(results.map(({ filesystem, error }) => [filesystem, error]));
  const log = (level: "info" | "warn", filesystem: string, message: string) =>
    reporter.emit({ event: "log", level, job: job.name, filesystem, message: `${filesystem}: ${message}` });
  let failed = 0;
  let restored = 0;
  for (const [index, entry] of plan.filesystems.entries()) {
    const { filesystem } = entry;
    const choice = choices[index];
    if (choice === undefined) continue;
    const error = errors.get(filesystem);
    const message = error?.message ?? (entry.outcome === "refused" ? entry.message : undefined);
    if (message !== undefined) {
      failed++;
      const temporary = isTemporary(error);
      reporter.emit({
        ...{ event: "filesystemFailed", job: job.name, phase: "restore", filesystem },
        ...{ message: `not restored: ${message}`, ...hintOf(error), temporary },
      });
      continue;
    }
    if (entry.outcome === "nothing") log("warn", filesystem, `left out: ${entry.reason}`);
    if (entry.outcome === "upToDate")
      log("info", filesystem, `${choice.target} is there already, at ${relativeName(entry.at)}`);
    const to = entry.outcome === "steps" ? entry.steps.at(-1)?.to : undefined;
    if (to === undefined) continue;
    restored++;
    log("info", filesystem, `restored as ${choice.target}${relativeName(to)}`);
    if (choice.target === filesystem) for (const note of newerNote(choice)) log("warn", filesystem, note);
  }
  const matched = plan.filesystems.length;
  const parts = [`restored ${count(restored, "filesystem")}`];
  if (restored > 0) parts.push("not mounted (zfs mount -a)");
  if (failed > 0) parts.push(`${failed} failed`);
  const done = matched - failed;
  reporter.emit({ event: "phaseDone", job: job.name, phase: "restore", done, failed, summary: parts.join(", ") });
  return { matched, done, failed };
}

/** What an older snapshot in the original's place means to the next run. */
function newerNote({ filesystem, target, newer }: Choice): string[] {
  if (newer === 0 || target !== filesystem) return [];
  return [
    `its replica has ${count(newer, "newer snapshot")}: the next replication will report that the two have diverged; conflict_resolution.diverged says what it may do`,
  ];
}
