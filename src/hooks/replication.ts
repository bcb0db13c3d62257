/** Hooks around the replication of a job: `pre_replicate`, `post_replicate` (`replication.hooks`). */
import type { PullJob, PushJob } from "../config/config.ts";
import { FailedError, InterruptedError } from "../errors.ts";
import type { Invocation, PhaseResult } from "../invocation.ts";
import { buildHook, hookName } from "./build.ts";
import { hookType } from "./command-hook.ts";
import type { ReplicationOutcome } from "./environment.ts";
import { reportHookLine, reportHookStep } from "./report.ts";
import { runStack } from "./stack.ts";

/**
 * Runs `replicate` inside the job's replication hooks; without hooks, just runs it. The post edges get the outcome in their
 * environment, also when replication failed, was prevented by a fatal hook, or was interrupted. A dry run shows the hooks and
 * starts none.
 * @throws what `replicate` throws; {FailedError} when a fatal hook prevented it
 */
export async function withReplicationHooks(
  job: PushJob | PullJob,
  invocation: Invocation,
  replicate: () => Promise<PhaseResult>,
): Promise<PhaseResult> {
  const configs = job.replication.hooks ?? [];
  if (configs.length === 0) return replicate();
  if (invocation.dryRun) {
    if (invocation.reporter.wantsText)
      for (const config of configs)
        invocation.reporter.emit({
          event: "planText",
          job: job.name,
          text: `would run hook ${hookName(config)} around the replication`,
        });
    return replicate();
  }
  let outcome: ReplicationOutcome = {
    outcome: "failed",
    done: 0,
    failed: 0,
    error: "a hook prevented the replication",
  };
  const context = {
    env: invocation.env ?? {},
    interrupted: invocation.interrupted,
    onLine: reportHookLine(job.name, invocation.reporter),
    situation: (edge: "pre" | "post", timeoutSec: number) => ({
      type: hookType("replicate", edge),
      dryRun: false,
      timeoutSec,
      job: job.name,
      ...(edge === "post" ? { outcome } : {}),
    }),
  };
  const report = await runStack(
    configs.map((config) => buildHook(config, context)),
    async () => {
      try {
        const result = await replicate();
        outcome = judge(result);
        return result;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const interrupted = error instanceof InterruptedError || invocation.interrupted.aborted;
        outcome = { outcome: interrupted ? "interrupted" : "failed", done: 0, failed: 0, error: firstLine(message) };
        throw error;
      }
    },
    {
      interrupted: invocation.interrupted,
      nowMs: invocation.nowMs,
      onStep: (step) => reportHookStep(job.name, hookTypes, step, invocation.reporter),
    },
  );
  if (report.thrown !== undefined) throw report.thrown;
  invocation.interrupted.throwIfAborted();
  if (report.value === undefined) throw new FailedError("replication was prevented by a hook that failed");
  const failedHooks = report.steps.filter(({ edge, status }) => edge !== "callback" && status === "failed").length;
  return { ...report.value, failed: report.value.failed + failedHooks };
}

const hookTypes = { pre: hookType("replicate", "pre"), post: hookType("replicate", "post") };

function judge({ done, failed }: PhaseResult): ReplicationOutcome {
  if (failed === 0) return { outcome: "ok", done, failed, error: "" };
  const error = `${failed} failed, ${done} done`;
  return { outcome: done > 0 ? "partial" : "failed", done, failed, error };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
