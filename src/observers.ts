/**
 * Who watches an invocation from outside: metrics files and notifications. Nothing of this fails a run, or delays it
 * beyond its time-outs; a dry run is watched by nobody. Loaded only where something is configured.
 */
import type { Config } from "./config/config.ts";
import { EXIT, type ExitCode } from "./errors.ts";
import type { Reporter } from "./report/events.ts";
import { type JobTally, processTally } from "./report/tally.ts";
import { exitCodeOf, whyOf } from "./report-failure.ts";

/** How an invocation went, for those who were not there. */
export interface RunSummary {
  /** `run`, `snap`, … */
  readonly command: string;
  readonly exitCode: ExitCode;
  readonly seconds: number;
  readonly endMs: number;
  readonly error?: string;
  readonly hint?: string;
  readonly jobs: readonly JobTally[];
}

export interface ObservedRun {
  readonly command: string;
  readonly jobs: readonly string[];
  /** `--metrics-file`. */
  readonly metricsFile: string | undefined;
}

interface Surroundings {
  readonly config: Config;
  readonly reporter: Reporter;
  readonly dryRun: boolean;
  readonly nowMs: () => number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs `body` and tells the observers of the start and of the end, also of a failed one. @throws what `body` throws */
export async function observed(run: ObservedRun, around: Surroundings, body: () => Promise<void>): Promise<void> {
  const { metrics, notify = [] } = around.config.global;
  const textfileDir = metrics?.textfileDir;
  const hasMetrics = run.metricsFile !== undefined || textfileDir !== undefined;
  if (around.dryRun || (!hasMetrics && notify.length === 0)) return body();
  const warn = (message: string) => around.reporter.emit({ event: "log", level: "warn", message });
  const startMs = around.nowMs();
  const notifier =
    notify.length === 0
      ? undefined
      : new (await import("./notify/notifier.ts")).Notifier(notify, run, { env: around.env ?? {}, warn });
  notifier?.started();
  let failure: { readonly error: unknown } | undefined;
  try {
    await body();
  } catch (error) {
    failure = { error };
  }
  const endMs = around.nowMs();
  const summary: RunSummary = {
    ...{ command: run.command, seconds: (endMs - startMs) / 1000, endMs, jobs: processTally.jobs },
    ...(failure === undefined
      ? { exitCode: EXIT.ok }
      : { exitCode: exitCodeOf(failure.error), ...whyOf(failure.error) }),
  };
  if (hasMetrics) {
    const { writeMetrics } = await import("./report/metrics.ts");
    await writeMetrics(summary, { file: run.metricsFile, textfileDir, warn });
  }
  await notifier?.ended(summary);
  if (failure !== undefined) throw failure.error;
}
