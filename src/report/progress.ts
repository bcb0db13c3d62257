/** The live display on a terminal: ora's spinner with the running steps behind it. Loaded only when stderr is a terminal. */
import ora from "ora";
import type { StepProgress } from "./events.ts";
import { formatBytes, formatDuration } from "./format.ts";
import type { ProgressDisplay } from "./reporter.ts";

/** `stream` must be a terminal. */
export function createProgressDisplay(stream: NodeJS.WriteStream, nowMs: () => number): ProgressDisplay {
  const spinner = ora({ stream, discardStdin: false, hideCursor: true });
  const running = new Map<string, StepProgress & { readonly sinceMs: number }>();
  const draw = () => {
    const steps = [...running.values()];
    if (steps.length === 0) {
      spinner.stop();
      return;
    }
    spinner.text = steps.map((step) => progressText(step, (nowMs() - step.sinceMs) / 1000)).join("\n  ");
    if (!spinner.isSpinning) spinner.start();
  };
  return {
    update: (progress) => {
      const before = running.get(progress.filesystem);
      const same = before !== undefined && before.step === progress.step;
      running.set(progress.filesystem, { ...progress, sinceMs: same ? before.sinceMs : nowMs() });
      draw();
    },
    stepEnded: (filesystem) => {
      running.delete(filesystem);
      draw();
    },
    around: (write) => {
      const wasSpinning = spinner.isSpinning;
      if (wasSpinning) spinner.stop();
      write();
      if (wasSpinning) spinner.start();
    },
    stop: () => spinner.stop(),
  };
}

/** `tank/a: step 2 of 3, 10 MiB of 1.0 GiB (1 %), 5.0 MiB/s, 3m20s left`. Exported for tests. */
export function progressText(progress: StepProgress, elapsedSec: number): string {
  const { filesystem, step, steps, bytes, totalBytes } = progress;
  const rate = elapsedSec > 0 ? bytes / elapsedSec : 0;
  const parts = [`step ${step} of ${steps}`];
  if (totalBytes === undefined) parts.push(formatBytes(bytes));
  else
    parts.push(
      `${formatBytes(Math.min(bytes, totalBytes))} of ${formatBytes(totalBytes)}${percent(bytes, totalBytes)}`,
    );
  if (rate > 0) parts.push(`${formatBytes(rate)}/s`);
  if (rate > 0 && totalBytes !== undefined && totalBytes > bytes)
    parts.push(`${formatDuration((totalBytes - bytes) / rate)} left`);
  return `${filesystem}: ${parts.join(", ")}`;
}

function percent(bytes: number, totalBytes: number): string {
  return totalBytes === 0 ? "" : ` (${Math.min(100, Math.floor((bytes * 100) / totalBytes))} %)`;
}
