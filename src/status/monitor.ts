/** The story of `monitor`: observe → summarize → compare with the thresholds → one state. */
import type { Monitoring, Threshold } from "../config/config.ts";
import { MonitorAlarm, UsageError, ZreplRunError } from "../errors.ts";
import { type InvocationOptions, selectJobs, withInvocation } from "../invocation.ts";
import type { Finding, Metric, SideName } from "../report/status-events.ts";
import { checkJob } from "./check.ts";
import { nowOf } from "./look.ts";
import { renderNagios } from "./nagios.ts";
import { observeJob } from "./observe.ts";
import { summarizeJob } from "./summarize.ts";

export interface MonitorOptions extends InvocationOptions {
  readonly jobs: readonly string[];
  readonly all: boolean;
  readonly side: SideName | undefined;
  readonly newest: Threshold | undefined;
  readonly oldest: Threshold | undefined;
  readonly lag: Threshold | undefined;
  readonly count: Threshold | undefined;
  readonly staleHold: number | undefined;
}

/** @throws {MonitorAlarm} where it is not all fine, {UsageError} for a job without any threshold */
export function monitor(options: MonitorOptions): Promise<void> {
  return withInvocation(options, async (invocation) => {
    const types = ["snap", "push", "pull", "sink", "source"] as const;
    const jobs = selectJobs(invocation.config, options.jobs, options.all, types);
    const limits = jobs.map((job) => ({ job, monitoring: thresholds(job.monitoring, options) }));
    const watched = options.all ? limits.filter(({ monitoring }) => hasAny(monitoring)) : limits;
    const without = watched.find(({ monitoring }) => !hasAny(monitoring));
    if (without !== undefined || watched.length === 0)
      throw new UsageError(
        without === undefined ? "no job has thresholds" : `job ${JSON.stringify(without.job.name)} has no thresholds`,
        { hint: "give one, e.g. --newest 2h,6h, or write monitoring: into the job" },
      );
    const findings: Finding[] = [];
    const metrics: Metric[] = [];
    for (const { job, monitoring } of watched) {
      try {
        const summary = summarizeJob(await observeJob(job, options.side, invocation), nowOf(invocation));
        const checked = checkJob(summary, { monitoring, side: options.side, nowSec: nowOf(invocation) });
        findings.push(...checked.findings);
        metrics.push(...checked.metrics);
      } catch (error) {
        invocation.interrupted.throwIfAborted();
        if (!(error instanceof ZreplRunError)) throw error;
        findings.push({ state: "UNKNOWN", job: job.name, message: error.message });
      }
    }
    const { state, exitCode, text } = renderNagios(findings, metrics);
    if (!invocation.reporter.wantsText)
      invocation.reporter.emit({ event: "monitorResult", state, exitCode, findings, metrics });
    if (exitCode !== 0) throw new MonitorAlarm(text, exitCode);
    if (invocation.reporter.wantsText) process.stdout.write(`${text}\n`);
  });
}

/** What the command line says comes before what the job says. */
function thresholds(configured: Monitoring = {}, options: MonitorOptions): Monitoring {
  const { newest, oldest, lag, count, staleHold } = options;
  return {
    ...configured,
    ...(newest === undefined ? {} : { newestSec: newest }),
    ...(oldest === undefined ? {} : { oldestSec: oldest }),
    ...(lag === undefined ? {} : { lagSec: lag }),
    ...(count === undefined ? {} : { count }),
    ...(staleHold === undefined ? {} : { staleHoldSec: staleHold }),
  };
}

function hasAny(monitoring: Monitoring): boolean {
  return Object.keys(monitoring).length > 0;
}
