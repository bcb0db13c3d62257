/** What runs, how far it is, and when it may be done: for the terminal, and for who asks by a signal. Pure. */
import type { StepProgress } from "./events.ts";
import { count, formatBytes, formatDuration } from "./format.ts";

/** `name: part, part, …`; the part with the highest number goes first where there is no room. */
export interface BoardLine {
  readonly name: string;
  readonly parts: readonly { readonly text: string; readonly drop: number }[];
}

export function lineText({ name, parts }: BoardLine): string {
  return `${name}: ${parts.map(({ text }) => text).join(", ")}`;
}

interface Running extends StepProgress {
  readonly sinceMs: number;
}

export class ProgressBoard {
  readonly #running = new Map<string, Running>();
  #startMs: number | undefined;
  #waiting = 0;
  #stepsDone = 0;
  #bytesDone = 0;

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** So many steps are planned, beside those that are done. */
  expect(steps: number): void {
    this.#waiting = steps;
  }

  update(progress: StepProgress, nowMs: number): void {
    this.#startMs ??= nowMs;
    const before = this.#running.get(progress.filesystem);
    const same = before !== undefined && before.step === progress.step;
    if (!same && this.#waiting > 0) this.#waiting--;
    this.#running.set(progress.filesystem, { ...progress, sinceMs: same ? before.sinceMs : nowMs });
  }

  /** `bytes`: what it came to; undefined = it failed. */
  stepEnded(filesystem: string, bytes: number | undefined): void {
    // a step may be over before its first report of progress
    if (!this.#running.delete(filesystem) && bytes !== undefined && this.#waiting > 0) this.#waiting--;
    if (bytes === undefined) return;
    this.#stepsDone++;
    this.#bytesDone += bytes;
  }

  /** A line per running step; below several, or where more is to come, a line for all. */
  lines(nowMs: number): BoardLine[] {
    const running = [...this.#running.values()];
    const lines = running.map((step) => progressLine(step, (nowMs - step.sinceMs) / 1000));
    const isAll = running.length === 1 && this.#waiting === 0 && this.#stepsDone === 0;
    return isAll ? lines : [...lines, this.#total(running, nowMs)];
  }

  #total(running: readonly Running[], nowMs: number): BoardLine {
    const steps = this.#stepsDone + running.length + this.#waiting;
    const bytes = this.#bytesDone + sum(running.map((step) => step.bytes));
    const elapsedSec = (nowMs - (this.#startMs ?? nowMs)) / 1000;
    const rate = elapsedSec > 0 ? bytes / elapsedSec : 0;
    const parts = [
      { text: `${this.#stepsDone} of ${count(steps, "step")} done`, drop: 0 },
      { text: formatBytes(bytes), drop: 2 },
    ];
    if (rate > 0) parts.push({ text: `${formatBytes(rate)}/s`, drop: 3 });
    const rest = this.#restBytes(running);
    if (rate > 0 && rest !== undefined && rest > 0)
      parts.push({ text: `about ${formatDuration(rest / rate)} left`, drop: 1 });
    return { name: "total", parts };
  }

  /** Sizes of steps that have not begun are not known: they count like those that have. undefined = nothing to go by. */
  #restBytes(running: readonly Running[]): number | undefined {
    const sizes = running.map(({ totalBytes }) => totalBytes);
    if (sizes.includes(undefined)) return undefined;
    const known = this.#stepsDone + sizes.length;
    const knownBytes = this.#bytesDone + sum(sizes.map((size) => size ?? 0));
    const left = sum(running.map(({ bytes, totalBytes = 0 }) => Math.max(0, totalBytes - bytes)));
    return known === 0 ? undefined : left + (this.#waiting * knownBytes) / known;
  }
}

/** `tank/a: step 2 of 3, 10 MiB of 1.0 GiB (1 %), 5.0 MiB/s, 3m20s left`. */
export function progressLine(progress: StepProgress, elapsedSec: number): BoardLine {
  const { filesystem, step, steps, bytes, totalBytes } = progress;
  const rate = elapsedSec > 0 ? bytes / elapsedSec : 0;
  const parts = [
    { text: `step ${step} of ${steps}`, drop: 2 },
    { text: amount(bytes, totalBytes), drop: 0 },
  ];
  if (rate > 0) parts.push({ text: `${formatBytes(rate)}/s`, drop: 3 });
  if (rate > 0 && totalBytes !== undefined && totalBytes > bytes)
    parts.push({ text: `${formatDuration((totalBytes - bytes) / rate)} left`, drop: 1 });
  return { name: filesystem, parts };
}

function amount(bytes: number, totalBytes: number | undefined): string {
  if (totalBytes === undefined) return formatBytes(bytes);
  return `${formatBytes(Math.min(bytes, totalBytes))} of ${formatBytes(totalBytes)}${percent(bytes, totalBytes)}`;
}

function percent(bytes: number, totalBytes: number): string {
  return totalBytes === 0 ? "" : ` (${Math.min(100, Math.floor((bytes * 100) / totalBytes))} %)`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
