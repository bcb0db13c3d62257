/**
 * What a running invocation is at, for `status` in another one: a small file beside the lock, rewritten at most once a
 * second and gone with the lock. It is a display, not a state: nothing depends on it, and nothing fails without it.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Phase } from "./generated/event.ts";
import { lockOwner, lockPath } from "./lock.ts";
import type { Event, Reporter, StepProgress } from "./report/events.ts";

export type WorkKind = "job" | "snap";

/** A running invocation's work on one job. */
export interface Activity {
  readonly pid: number;
  /** Seconds since the epoch. */
  readonly sinceSec: number;
  readonly command: string;
  /** undefined = it has not said yet. */
  readonly phase: Phase | undefined;
  readonly stepsDone: number;
  /** Of the whole replication; undefined = not planned yet. */
  readonly steps: number | undefined;
  readonly bytesDone: number;
  readonly running: readonly RunningStep[];
}

export type RunningStep = Omit<StepProgress, "job"> & { readonly to: string | undefined };

const WRITE_EVERY_MS = 1000;

/** Who works on a job now; undefined = nobody, or nobody who is alive or whom this user may see. */
export function readActivity(dir: string, kind: WorkKind, job: string): Activity | undefined {
  const lock = { dir, name: `${kind}-${job}` };
  const owner = lockOwner(lock);
  if (owner === undefined) return undefined;
  const { pid, command, since } = owner;
  const known = { pid, command, sinceSec: Math.floor(Date.parse(since) / 1000) };
  const phase = kind === "snap" ? ("snapshot" as const) : undefined;
  const idle: Activity = { ...known, phase, stepsDone: 0, steps: undefined, bytesDone: 0, running: [] };
  const written = readRecord(activityPath(lock));
  return written?.pid === pid ? { ...idle, ...written, ...known } : idle;
}

function activityPath(lock: { readonly dir: string; readonly name: string }): string {
  return `${lockPath(lock)}.activity.json`;
}

/** A file of this program's, in a private directory; an unreadable or half-known one says nothing. */
function readRecord(path: string): Partial<Activity> | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof record === "object" && record !== null && "running" in record && Array.isArray(record.running)
      ? (record as Partial<Activity>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Listens to a reporter, and writes down what the jobs that were begun are at. */
export class ActivityRecorder {
  readonly #records = new Map<string, ActivityRecord>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** To be called with the lock held. @returns what ends it, before the lock is released */
  begin(dir: string, kind: WorkKind, job: string): () => void {
    const record = new ActivityRecord(activityPath({ dir, name: `${kind}-${job}` }), this.#nowMs);
    const key = `${kind}-${job}`;
    this.#records.set(key, record);
    record.write();
    return () => {
      this.#records.delete(key);
      record.remove();
    };
  }

  /** The same reporter, listened to. */
  listenTo(reporter: Reporter): Reporter {
    return {
      ...reporter,
      emit: (event) => {
        reporter.emit(event);
        if ("job" in event && event.job !== undefined) this.#recordOf(event.job)?.event(event);
      },
      progress: (progress) => {
        reporter.progress(progress);
        this.#recordOf(progress.job)?.progress(progress);
      },
      planned: (job, steps) => {
        reporter.planned?.(job, steps);
        this.#recordOf(job)?.planned(steps);
      },
    };
  }

  /** A cycle takes snapshots under both locks; what it is at is told beside the job's. */
  #recordOf(job: string): ActivityRecord | undefined {
    return this.#records.get(`job-${job}`) ?? this.#records.get(`snap-${job}`);
  }
}

class ActivityRecord {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #running = new Map<string, RunningStep>();
  #phase: Phase | undefined;
  #stepsDone = 0;
  #steps: number | undefined;
  #bytesDone = 0;
  #writtenMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, nowMs: () => number) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  planned(steps: number): void {
    this.#phase = "replicate";
    this.#steps = this.#stepsDone + steps;
    this.#changed();
  }

  progress({ filesystem, step, steps, bytes, totalBytes }: StepProgress): void {
    this.#running.set(filesystem, {
      filesystem,
      step,
      steps,
      bytes,
      totalBytes,
      to: this.#running.get(filesystem)?.to,
    });
    this.#changed();
  }

  event(event: Event): void {
    switch (event.event) {
      case "snapshotTaken":
        this.#phase = "snapshot";
        break;
      case "stepStarted": {
        const { filesystem, step, steps, to } = event;
        this.#phase = "replicate";
        this.#running.set(filesystem, { filesystem, step, steps, to, bytes: 0, totalBytes: undefined });
        break;
      }
      case "stepDone":
        this.#running.delete(event.filesystem);
        this.#stepsDone++;
        this.#bytesDone += event.bytes;
        break;
      case "filesystemFailed":
        this.#running.delete(event.filesystem);
        break;
      case "snapshotDestroyed":
        this.#phase = "prune";
        break;
      default:
        return;
    }
    this.#changed();
  }

  #changed(): void {
    const waitMs = this.#writtenMs + WRITE_EVERY_MS - this.#nowMs();
    if (waitMs <= 0) this.write();
    else this.#timer ??= setTimeout(() => this.write(), waitMs).unref();
  }

  write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writtenMs = this.#nowMs();
    const record = {
      pid: process.pid,
      phase: this.#phase,
      stepsDone: this.#stepsDone,
      steps: this.#steps,
      bytesDone: this.#bytesDone,
      running: [...this.#running.values()],
    };
    const fresh = `${this.#path}.${process.pid}`;
    try {
      writeFileSync(fresh, JSON.stringify(record), { mode: 0o600 });
      renameSync(fresh, this.#path);
    } catch {
      // a full or vanished directory must not fail a backup
    }
  }

  remove(): void {
    clearTimeout(this.#timer);
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // as above
    }
  }
}
