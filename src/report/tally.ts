/** Counts what the events of an invocation say was done: for the last line of `--json`, metrics and notifications. */
import type { Counts, Event, ExitCode, Planned } from "../generated/event.ts";

/** One job's part. */
export interface JobTally {
  readonly job: string;
  readonly counts: Counts;
  /** Filesystems as each phase and side counted them. */
  readonly phases: readonly PhaseTally[];
  readonly bytesByFilesystem: ReadonlyMap<string, number>;
  /** Undefined until the job is done. */
  readonly ended: { readonly exitCode: ExitCode; readonly seconds: number } | undefined;
}

type PhaseTally = Omit<Extract<Event, { event: "phaseDone" }>, "event" | "job" | "summary">;

type Growing<T> = { -readonly [K in keyof T]: T[K] };

interface GrowingJob extends Growing<JobTally> {
  readonly counts: Growing<Counts>;
  readonly phases: PhaseTally[];
  readonly bytesByFilesystem: Map<string, number>;
}

export class Tally {
  /** What belongs to no job is under undefined. */
  readonly #jobs = new Map<string | undefined, GrowingJob>();
  #planned: Growing<Planned> | undefined;

  /** Of the named jobs that something was heard of, in that order. */
  get jobs(): readonly JobTally[] {
    return [...this.#jobs].filter(([job]) => job !== undefined).map(([, tally]) => tally);
  }

  /** Of all jobs together. */
  get counts(): Counts {
    const total = noCounts();
    for (const { counts } of this.#jobs.values())
      for (const key of Object.keys(counts) as (keyof Counts)[]) total[key] += counts[key]; // Object.keys forgets the type
    return total;
  }

  /** Undefined where nothing was planned only. */
  get planned(): Planned | undefined {
    return this.#planned;
  }

  add(event: Event): void {
    if (!("job" in event)) {
      if (event.event === "log") countLog(event.level, this.#of(undefined).counts);
      return;
    }
    const job = this.#of(event.job);
    const { counts } = job;
    switch (event.event) {
      case "log":
        countLog(event.level, counts);
        break;
      case "hookDone":
        if (event.status === "failed") counts.errors++;
        break;
      case "checked":
        if (event.status !== "ok") countLog(event.status === "warn" ? "warn" : "error", counts);
        break;
      case "filesystemFailed":
        counts.errors++;
        break;
      case "snapshotTaken":
        counts.snapshotsTaken++;
        break;
      case "stepDone":
        counts.stepsDone++;
        counts.bytesReplicated += event.bytes;
        job.bytesByFilesystem.set(event.filesystem, event.bytes + (job.bytesByFilesystem.get(event.filesystem) ?? 0));
        break;
      case "snapshotDestroyed":
        counts.snapshotsDestroyed++;
        break;
      case "phaseDone": {
        const { event: _event, job: _job, summary: _summary, ...phase } = event;
        job.phases.push(phase);
        counts.filesystemsDone += phase.done;
        counts.filesystemsFailed += phase.failed;
        break;
      }
      case "jobDone":
        job.ended = { exitCode: event.exitCode, seconds: event.seconds };
        break;
      case "plannedSnapshot":
        this.#plan().snapshots++;
        break;
      case "plannedStep":
        this.#plan().steps++;
        this.#plan().bytes += event.estimatedBytes ?? 0;
        break;
      case "plannedPrune":
        if (event.action === "destroy") this.#plan().destroys++;
        break;
      default: // the others count nothing
    }
  }

  #of(job: string | undefined): GrowingJob {
    const known = this.#jobs.get(job);
    if (known !== undefined) return known;
    const tally = { job: job ?? "", counts: noCounts(), phases: [], bytesByFilesystem: new Map(), ended: undefined };
    this.#jobs.set(job, tally);
    return tally;
  }

  #plan(): Growing<Planned> {
    this.#planned ??= { snapshots: 0, steps: 0, bytes: 0, destroys: 0 };
    return this.#planned;
  }
}

/** Of this process, which is one invocation: filled by its reporter, read when it ends. */
export const processTally = new Tally();

function noCounts(): Growing<Counts> {
  return {
    filesystemsDone: 0,
    filesystemsFailed: 0,
    snapshotsTaken: 0,
    stepsDone: 0,
    bytesReplicated: 0,
    snapshotsDestroyed: 0,
    warnings: 0,
    errors: 0,
  };
}

function countLog(level: string, counts: Growing<Counts>): void {
  if (level === "warn") counts.warnings++;
  if (level === "error") counts.errors++;
}
