/** The story of `doctor`: what can be known of a job before it runs, one finding a line, each with its remedy. */
import type { Job } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { checkConnection, checkLocalPeer } from "./check-connection.ts";
import { checkFilesystems, checkLockDirectory, checkPrograms, checkRootFs, checkServing } from "./check-host.ts";
import { type Finding, failure } from "./finding.ts";

/** @throws {FailedError} when something will not work */
export async function examine(jobs: readonly Job[], invocation: Invocation): Promise<void> {
  let failed = 0;
  const report = (job: Job, { check, status, detail, remedy }: Finding) => {
    if (status === "fail") failed++;
    const more = remedy === undefined ? {} : { remedy };
    invocation.reporter.emit({ event: "checked", job: job.name, check, status, detail, ...more });
  };
  for (const job of jobs) {
    try {
      for await (const finding of findings(job, invocation)) report(job, finding);
    } catch (error) {
      invocation.interrupted.throwIfAborted();
      report(job, failure("zfs", "looking at this host", error));
    }
  }
  if (failed > 0) throw new FailedError(`${failed} ${failed === 1 ? "check" : "checks"} failed`);
}

async function* findings(job: Job, invocation: Invocation): AsyncGenerator<Finding> {
  const { runner, config } = invocation;
  const programs = await checkPrograms(runner);
  yield programs;
  if (programs.status === "fail") return;
  yield checkLockDirectory(config);
  if ("filesystems" in job) yield* checkFilesystems(job.filesystems, job.type === "snap" ? "snap" : "send", runner);
  if ("rootFs" in job) yield await checkRootFs(job.rootFs, runner);
  if (job.type === "push" || job.type === "pull")
    yield* job.connect.type === "local"
      ? checkLocalPeer(job, invocation)
      : checkConnection(job, job.connect, invocation);
  if ("serve" in job) yield checkServing(job.serve.type, config);
}
