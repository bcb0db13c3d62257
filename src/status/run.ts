/** The story of `status`: observe → summarize → render, once or again and again. */
import { type Invocation, type InvocationOptions, selectJobs, withInvocation } from "../invocation.ts";
import { lookAtJobs, nowOf } from "./look.ts";
import { terminalOf } from "./output.ts";
import type { JobSummary } from "./summarize.ts";

export interface StatusOptions extends InvocationOptions {
  /** None = all. */
  readonly jobs: readonly string[];
  readonly watch: boolean;
}

const TYPES = ["snap", "push", "pull", "sink", "source"] as const;

/** @throws as `forEachJob`, after everything that could be seen was shown */
export function runStatus(options: StatusOptions): Promise<void> {
  return withInvocation(options, async (invocation) => {
    const jobs = selectJobs(invocation.config, options.jobs, options.jobs.length === 0, TYPES);
    if (options.watch) {
      const { watchStatus } = await import("./watch.ts");
      return await watchStatus(jobs, options, invocation);
    }
    const { summaries, outcome } = await lookAtJobs(jobs, invocation);
    if (invocation.reporter.wantsText) {
      const terminal = terminalOf(process.stdout, options, invocation.env ?? {});
      const lines = terminal.render(summaries, nowOf(invocation));
      process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    } else emitAll(summaries, invocation);
    await outcome;
  });
}

function emitAll(summaries: readonly JobSummary[], { reporter }: Invocation): void {
  for (const { job, filesystems } of summaries) {
    for (const status of filesystems) reporter.emit({ event: "filesystemStatus", job: job.job, ...status });
    reporter.emit({ event: "jobStatus", ...job });
  }
}
