/** A sender's and a receiver's pool on the simulated ZFS, a push job between them, and what came of its runs. */
import type { Config, PullJob, PushJob } from "../../src/config/config.ts";
import type { Invocation, PhaseResult } from "../../src/invocation.ts";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { Event } from "../../src/report/events.ts";
import { cursorName, lastReceivedHoldTag, stepHoldTag, tentativeCursorName } from "../../src/zfs/abstraction.ts";
import { load } from "../config/files.ts";
import { validEvent } from "../report/event-schema.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import type { Dataset, Snapshot } from "../sim/world.ts";
import { play } from "./script.ts";
import { ScriptedRunner, type Trouble } from "./scripted-runner.ts";

export const PUSH_JOB = "push job";
export const SINK_JOB = "sink job";
export const PULL_JOB = "pull job";
export const SOURCE_JOB = "source job";
export const CLIENT = "my client";
/** Where `src/x` lands: `RECEIVER/src/x`. */
export const RECEIVER = `dst/the sink/${CLIENT}`;

type Keys = Readonly<Record<string, unknown>>;

/** Further keys of the jobs, as in the YAML file. */
export interface Changes {
  readonly push?: Keys;
  readonly sink?: Keys;
  /** With one of these it is a pull: `src/x` lands in `dst/the sink/src/x`. */
  readonly pull?: Keys;
  readonly source?: Keys;
}

export interface PushOptions extends Changes {
  readonly troubles?: readonly Trouble[];
  /** The time limit is over when this resolves. */
  readonly timeUp?: AbortSignal;
  readonly dryRun?: boolean;
}

export interface Pushed {
  readonly runner: ScriptedRunner;
  /** undefined = it threw. */
  readonly result: PhaseResult | undefined;
  readonly error: Error | undefined;
  readonly events: readonly Event[];
  /** `filesystem from → to` (`full` without from, `resume` before it if resumed) of the steps that were started. */
  readonly started: readonly string[];
  /** The same of those that were done. */
  readonly done: readonly string[];
  /** What was reported as failed, by filesystem. */
  readonly failures: Readonly<Record<string, string>>;
  readonly hints: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  /** Lines of a dry run. */
  readonly planned: readonly string[];
}

const LOCAL = { type: "local", listener_name: "here" };
const CONNECT = { ...LOCAL, client_identity: CLIENT };
/** Everything below `src`, not `src` itself. */
const FILESYSTEMS = { "src<": true, src: false };
const KEEP_ALL = [{ type: "regex", regex: ".*" }];
const PRUNING = { keep_sender: KEEP_ALL, keep_receiver: KEEP_ALL };
const RECV = { placeholder: { encryption: "inherit" } };
const SNAPSHOTTING = { type: "manual" };

/** The jobs of both sides, the active one first. */
function jobsOf({ push, sink, pull, source }: Changes): Keys[] {
  const common = { root_fs: "dst/the sink", recv: RECV };
  if (pull !== undefined || source !== undefined)
    return [
      { type: "pull", name: PULL_JOB, connect: CONNECT, interval: "manual", pruning: PRUNING, ...common, ...pull },
      {
        type: "source",
        name: SOURCE_JOB,
        serve: LOCAL,
        filesystems: FILESYSTEMS,
        snapshotting: SNAPSHOTTING,
        ...source,
      },
    ];
  return [
    {
      type: "push",
      name: PUSH_JOB,
      connect: CONNECT,
      filesystems: FILESYSTEMS,
      snapshotting: SNAPSHOTTING,
      pruning: PRUNING,
      ...push,
    },
    { type: "sink", name: SINK_JOB, serve: LOCAL, ...common, ...sink },
  ];
}

/** The config of an invocation and its active job. */
export async function configOf(changes: Changes): Promise<{ config: Config; job: PushJob | PullJob }> {
  const config = await load(JSON.stringify({ global: { lock_dir: "/nowhere" }, jobs: jobsOf(changes) }));
  const job = config.jobs.find((candidate) => candidate.type === "push" || candidate.type === "pull");
  if (job === undefined) throw new Error("no active job");
  return { config, job };
}

export class Lab {
  readonly sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  readonly #nameByGuid = new Map<string, string>();

  /** `script`: what is on the pools `src` and `dst` at the start, beside the sink's root. */
  constructor(script = "") {
    this.sim.addPool("src");
    this.sim.addPool("dst");
    this.play('+ "dst/the sink"');
    this.play(script);
  }

  play(script: string): this {
    for (const line of script.split("\n")) {
      play(this.sim, line);
      this.#rememberNames();
    }
    return this;
  }

  #rememberNames(): void {
    for (const pool of Object.values(this.sim.world.pools))
      for (const { snapshots } of Object.values(pool.datasets))
        for (const { guid, name } of snapshots) this.#nameByGuid.set(guid, name);
  }

  /** One invocation of the push or pull job. */
  async push({ troubles = [], timeUp, dryRun = false, ...changes }: PushOptions = {}): Promise<Pushed> {
    const { config, job } = await configOf(changes);
    const interrupt = new AbortController();
    const runner = new ScriptedRunner(this.sim, troubles, interrupt.signal);
    const events: Event[] = [];
    const invocation: Invocation = {
      config,
      runner,
      reporter: { emit: (event) => events.push(validEvent(event)), progress: () => undefined, wantsText: true },
      dryRun,
      lockWaitSec: 0,
      interrupted: interrupt.signal,
      timeUp: timeUp ?? new AbortController().signal,
      abort: (error) => interrupt.abort(error),
      nowMs: () => this.sim.nowSec * 1000,
      command: "test",
    };
    this.sim.nowSec += 60;
    try {
      const result = await replicateLocked(job, invocation);
      return { ...summary(events), runner, result, error: undefined };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { ...summary(events), runner, result: undefined, error };
    }
  }

  /** The same, and everything asked for has to be done. */
  async succeed(options: PushOptions = {}): Promise<Pushed> {
    const pushed = await this.push(options);
    if (pushed.error !== undefined || pushed.result?.failed !== 0)
      throw new Error(`the push failed: ${pushed.error?.stack ?? JSON.stringify(pushed.events, undefined, 1)}`);
    return pushed;
  }

  /** Every dataset of the receiver below the client's root, sender's names. */
  get received(): string[] {
    return Object.keys(this.sim.world.pools["dst"]?.datasets ?? {})
      .filter((name) => name.startsWith(`${RECEIVER}/`))
      .map((name) => name.slice(RECEIVER.length + 1))
      .sort();
  }

  dataset(name: string): Dataset {
    const dataset = this.sim.world.pools[name.split("/")[0] ?? ""]?.datasets[name];
    if (dataset === undefined) throw new Error(`no dataset ${name}:\n${this.sim.dump()}`);
    return dataset;
  }

  /** The receiver's copy of a sender's filesystem. */
  replica(filesystem: string): Dataset {
    return this.dataset(`${RECEIVER}/${filesystem}`);
  }

  snapshot(name: string): Snapshot {
    const [filesystem = "", snapshotName] = name.split("@");
    const snapshot = this.dataset(filesystem).snapshots.find((candidate) => candidate.name === snapshotName);
    if (snapshot === undefined) throw new Error(`no snapshot ${name}:\n${this.sim.dump()}`);
    return snapshot;
  }

  /** Names of a dataset's snapshots, oldest first. */
  snapshots(name: string): string[] {
    return this.dataset(name).snapshots.map((snapshot) => snapshot.name);
  }

  replicated(filesystem: string): string[] {
    return this.snapshots(`${RECEIVER}/${filesystem}`);
  }

  /** `@snapshot: tag` of all holds of a dataset, in order. */
  holds(name: string): string[] {
    return this.dataset(name).snapshots.flatMap((snapshot) =>
      Object.keys(snapshot.holds).map((tag) => `@${snapshot.name}: ${tag}`),
    );
  }

  /** Bookmarks of a dataset, sorted; a guid in the name is written as the snapshot's `@name`, also of one that is gone. */
  bookmarks(name: string): string[] {
    return this.dataset(name)
      .bookmarks.map((bookmark) =>
        bookmark.name.replace(/_G_([0-9a-f]{16})_/, (text, hex: string) => {
          const snapshot = this.#nameByGuid.get(BigInt(`0x${hex}`).toString());
          return snapshot === undefined ? text : `_G_@${snapshot}_`;
        }),
      )
      .sort();
  }

  /** Makes one of zrepl's bookmarks for a snapshot, for any job. */
  addBookmark(kind: "cursor" | "tentative", job: string, snapshot: string): void {
    const { guid } = this.snapshot(snapshot);
    const name = kind === "cursor" ? cursorName(job, guid) : tentativeCursorName(job, guid);
    this.play(`+ "${snapshot.replace(/@.*/, "")}#${name}" "${snapshot}"`);
  }

  /** Copies of a filesystem's content, to compare. */
  content(name: string): unknown {
    return this.sim.contentOf(name);
  }
}

export const STEP = stepHoldTag(PUSH_JOB);
export const LAST_RECEIVED = lastReceivedHoldTag(SINK_JOB);

/** How `bookmarks` writes the push job's cursor at a snapshot. */
export function cursorAt(snapshot: string, job = PUSH_JOB): string {
  return `zrepl_CURSOR_G_@${snapshot}_J_${job}`;
}

export function tentativeAt(snapshot: string, job = PUSH_JOB): string {
  return `zrepl_CURSORTENTATIVE__G_@${snapshot}_J_${job}`;
}

/** The guarantees of a push, and further keys of `replication`. */
export function protection(initial: string, incremental = initial, more: Keys = {}): Changes {
  const kinds = { initial: `guarantee_${initial}`, incremental: `guarantee_${incremental}` };
  return { push: { replication: { protection: kinds, ...more } } };
}

/** No second attempt inside a run. */
export const ONE_ATTEMPT = { retry: { attempts: 1, backoff: "0s" } };

/** The streams of matching transfers end after so many bytes. */
export function cutAfter(bytes: number, at = /zfs send/): Pick<PushOptions, "troubles"> {
  return { troubles: [{ at, what: { kind: "cut", bytes } }] };
}

function summary(events: readonly Event[]): Omit<Pushed, "runner" | "result" | "error"> {
  const of = <E extends Event["event"]>(kind: E) =>
    events.filter((event): event is Extract<Event, { event: E }> => event.event === kind);
  const failed = of("filesystemFailed");
  return {
    events,
    started: of("stepStarted").map((step) => stepText(step, step.resumed)),
    done: of("stepDone").map((step) => stepText(step, false)),
    failures: Object.fromEntries(failed.map(({ filesystem, message }) => [filesystem, message])),
    hints: Object.fromEntries(failed.map(({ filesystem, hint = "" }) => [filesystem, hint])),
    warnings: of("log").flatMap(({ level, message }) => (level === "warn" ? [message] : [])),
    planned: of("planText").map(({ text }) => text),
  };
}

function stepText(
  { filesystem, from, to }: { filesystem: string; from?: string; to: string },
  resumed: boolean,
): string {
  return `${resumed ? "resume " : ""}${filesystem} ${from ?? "full"} → ${to}`;
}
