/**
 * The story of `adopt`: puts a job's cursor and last-received hold on the newest version that both sides have, so that its
 * first run goes on from there and nothing destroys it until then. Lock → observe → plan → show | do → report.
 */
import type { PullJob, PushJob } from "../config/config.ts";
import { openEndpoints } from "../endpoint/open.ts";
import { bySendersNames } from "../endpoint/stripped-name.ts";
import { NothingMatchedError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { settleJob } from "../outcome.ts";
import { count } from "../report/format.ts";
import { relativeName } from "../zfs/version.ts";
import { type Adoption, planAdoption } from "./plan.ts";

type Adoptable = Extract<Adoption, { outcome: "adopt" }>;

/** `only`: names on the sender; empty = all that the job matches. @throws as `settleJob` */
export function adopt(job: PushJob | PullJob, only: readonly string[], invocation: Invocation): Promise<void> {
  if (job.replication.protection.incremental === "guarantee_nothing")
    throw new UsageError(
      `job ${JSON.stringify(job.name)} keeps neither cursor nor hold: replication.protection says guarantee_nothing`,
    );
  return withJobLock("job", job.name, invocation, () => adoptLocked(job, only, invocation));
}

async function adoptLocked(job: PushJob | PullJob, only: readonly string[], invocation: Invocation): Promise<void> {
  const { reporter } = invocation;
  const log = (level: "info" | "warn", message: string) =>
    reporter.emit({ event: "log", level, job: job.name, message });
  const endpoints = await openEndpoints(job, { ...invocation, warn: (message) => log("warn", message) });
  try {
    const { sender, receiver, receiverName } = endpoints;
    const [senders, receivers] = await Promise.all([sender.list(), receiver.list()]);
    for (const problem of [...senders.problems, ...receivers.problems]) log("warn", problem);
    const received = bySendersNames(receivers.filesystems, senders.filesystems);
    const wanted = choose(senders.filesystems, only);
    const { replication } = job;
    const jobs = { senderJob: sender.job, receiverJob: receiver.job };
    const plan = planAdoption({ sender: wanted, receiver: received, ...jobs, replication, receiverName });
    const todo = plan.filter((entry): entry is Adoptable => entry.outcome === "adopt" && !entry.isDone);
    const failures = new Map<string, Error>();
    if (!invocation.dryRun) {
      const guarantee = replication.protection.incremental;
      const received = todo.map(({ filesystem, received: to }) => ({ filesystem, to, guarantee }));
      for (const [filesystem, error] of await receiver.confirm(received)) failures.set(filesystem, error);
      const held = todo.filter(({ filesystem }) => !failures.has(filesystem));
      const confirmed = held.map(({ filesystem, base: to }) => ({ filesystem, to, guarantee }));
      for (const [filesystem, error] of await sender.complete(confirmed)) failures.set(filesystem, error);
    }
    const failed = plan.filter((entry) => report(job.name, entry, failures.get(entry.filesystem), invocation)).length;
    settleJob(job.name, [{ matched: plan.length, done: plan.length - failed, failed }]);
  } finally {
    await endpoints.close();
  }
}

function choose<T extends { readonly filesystem: string }>(all: readonly T[], only: readonly string[]): readonly T[] {
  const missing = only.find((name) => !all.some(({ filesystem }) => filesystem === name));
  if (missing !== undefined)
    throw new NothingMatchedError(`the job does not send ${missing}`, {
      hint: "compare with: zrepl-run test filesystems",
    });
  return only.length === 0 ? all : all.filter(({ filesystem }) => only.includes(filesystem));
}

/** @returns whether it is a failure */
function report(job: string, entry: Adoption, error: Error | undefined, { reporter, dryRun }: Invocation): boolean {
  const { filesystem } = entry;
  const reason = error?.message ?? (entry.outcome === "impossible" ? entry.reason : undefined);
  if (reason !== undefined) {
    const failure = { phase: "replicate" as const, filesystem, message: `not adopted: ${reason}`, temporary: false };
    reporter.emit({ event: "filesystemFailed", job, ...failure });
    return true;
  }
  const text = describe(entry, dryRun);
  if (dryRun) reporter.emit({ event: "planText", job, text: `${filesystem}: ${text}` });
  else reporter.emit({ event: "log", level: "info", job, filesystem, message: `${filesystem}: ${text}` });
  return false;
}

function describe(entry: Adoption, dryRun: boolean): string {
  if (entry.outcome !== "adopt") return `nothing to adopt: ${entry.reason}`;
  const { base, received, isDone, later } = entry;
  const onReceiver =
    relativeName(base) === relativeName(received) ? "" : ` (${relativeName(received)} on the receiver)`;
  const next = later === 0 ? "nothing newer to send" : `the first run sends ${count(later, "newer snapshot")}`;
  const verb = isDone ? "is adopted already" : dryRun ? "would be adopted" : "adopted";
  return `${verb} at ${relativeName(base)}${onReceiver}; ${next}`;
}
