/** Looking at jobs: each by itself, so that one that can't be seen does not hide the others. */
import type { Job } from "../config/config.ts";
import { FailedError, NothingMatchedError, PartialFailure, ZreplRunError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { forEachJob } from "../outcome.ts";
import { HEALTHS } from "../report/status-events.ts";
import { observeJob } from "./observe.ts";
import { failedJob, type JobSummary, summarizeJob } from "./summarize.ts";

/**
 * Looks at all jobs, worst first in what it gives.
 * @returns `outcome` rejects where not everything could be seen, as `forEachJob`
 */
export async function lookAtJobs(
  jobs: readonly Job[],
  invocation: Invocation,
): Promise<{ readonly summaries: JobSummary[]; readonly outcome: Promise<void> }> {
  const summaries: JobSummary[] = [];
  const outcome = forEachJob(
    jobs,
    invocation.interrupted,
    () => undefined,
    async (job) => {
      const summary = await lookAtJob(job, invocation);
      summaries.push(summary.summary);
      if (summary.error !== undefined) throw summary.error;
    },
  );
  await outcome.catch(() => undefined);
  invocation.interrupted.throwIfAborted();
  const rank = ({ job }: JobSummary) => HEALTHS.indexOf(job.health);
  return { summaries: summaries.sort((a, b) => rank(a) - rank(b)), outcome };
}

async function lookAtJob(
  job: Job,
  invocation: Invocation,
): Promise<{ readonly summary: JobSummary; readonly error?: ZreplRunError }> {
  try {
    const view = await observeJob(job, undefined, invocation);
    const summary = summarizeJob(view, nowOf(invocation));
    const error = incomplete(summary);
    return { summary, ...(error === undefined ? {} : { error }) };
  } catch (error) {
    invocation.interrupted.throwIfAborted();
    if (!(error instanceof ZreplRunError)) throw error;
    return { summary: failedJob({ job, running: [] }, error.message), error };
  }
}

/** Whether what is shown is not all that there should be. */
function incomplete({ job: { job, type, problems }, filesystems }: JobSummary): ZreplRunError | undefined {
  if (problems.length > 0) {
    const message = `job ${job}: ${problems.join("; ")}`;
    return filesystems.length > 0 ? new PartialFailure(message) : new FailedError(message);
  }
  if (filesystems.length > 0 || type === "sink" || type === "pull") return undefined;
  return new NothingMatchedError(`job ${job}: the filter matches no filesystem`, {
    hint: "compare the job's `filesystems` with the output of: zfs list -o name",
  });
}

export function nowOf({ nowMs }: Pick<Invocation, "nowMs">): number {
  return Math.floor(nowMs() / 1000);
}
