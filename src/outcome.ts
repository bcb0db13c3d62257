/** From what the stories made of their jobs to the one exit code (design.md §3). */
import { FailedError, NothingMatchedError, PartialFailure, ZreplRunError } from "./errors.ts";
import type { PhaseResult } from "./invocation.ts";

/**
 * Ends one job.
 * @throws {NothingMatchedError} when its filter matched nothing, {PartialFailure} or {FailedError} when filesystems failed
 */
export function settleJob(job: string, results: readonly PhaseResult[]): void {
  const failed = sum(results, ({ failed }) => failed);
  const done = sum(results, ({ done }) => done);
  const leftAlone = sum(results, ({ leftAlone = 0 }) => leftAlone);
  if (leftAlone > 0) throw new PartialFailure(`job ${job}: ${leftAlone} left alone, ${failed} failed, ${done} done`);
  if (failed > 0) {
    const message = `job ${job}: ${failed} failed, ${done} done`;
    throw done > 0 ? new PartialFailure(message) : new FailedError(message);
  }
  if (results.every(({ matched }) => matched === 0))
    throw new NothingMatchedError(`job ${job}: the filter matches no filesystem`, {
      hint: "compare the job's `filesystems` with the output of: zfs list -o name",
    });
}

function sum(results: readonly PhaseResult[], pick: (result: PhaseResult) => number): number {
  return results.reduce((total, result) => total + pick(result), 0);
}

/**
 * Runs `body` for each job; one failing does not stop the next.
 * @throws the only job's error; {PartialFailure} when some of several failed; an error of the common code when all did
 */
export async function forEachJob<T extends { readonly name: string }>(
  jobs: readonly T[],
  interrupted: AbortSignal,
  onError: (job: T, error: ZreplRunError) => void,
  body: (job: T) => Promise<void>,
): Promise<void> {
  const errors: ZreplRunError[] = [];
  for (const job of jobs) {
    try {
      await body(job);
    } catch (error) {
      interrupted.throwIfAborted();
      if (!(error instanceof ZreplRunError) || jobs.length === 1) throw error;
      onError(job, error);
      errors.push(error);
    }
  }
  const [first] = errors;
  if (first === undefined) return;
  if (errors.length === jobs.length && errors.every(({ exitCode }) => exitCode === first.exitCode)) throw first;
  throw new PartialFailure(`${errors.length} of ${jobs.length} jobs failed`);
}
