/** Random worlds and jobs: a sender and a receiver pool, what happened there before, and a push job. */
import type { Config, Guarantee, PushJob, SinkJob } from "../../src/config/config.ts";
import type { Random } from "../random.ts";
import type { ProgramRegistry } from "../sim/cmd-program.ts";
import { STANDARD_PROGRAMS } from "../sim/programs.ts";
import { fail } from "../sim/result.ts";
import { ZfsSimulator } from "../sim/simulator.ts";

export const SENDER_JOB = "prod";
export const RECEIVER_JOB = "vault";
/** Where `src/x` lands: `RECEIVER_ROOT/src/x`. */
export const RECEIVER_ROOT = "dst/sink/host";

export interface Scenario {
  readonly sim: ZfsSimulator;
  readonly job: PushJob;
  readonly config: Config;
  /** Others destroy snapshots while we work: every base must be protected by a hold or a bookmark. */
  readonly hostile: boolean;
}

const GUARANTEES: readonly Guarantee[] = ["guarantee_resumability", "guarantee_incremental", "guarantee_nothing"];

/** As for an ordinary user: every script is refused. */
const NO_PROGRAMS: ProgramRegistry = Object.fromEntries(
  Object.keys(STANDARD_PROGRAMS).map((marker) => [
    marker,
    () => fail("Channel program execution failed:\nPermission denied. Channel programs must be run as root."),
  ]),
);

/** The initial world: filesystems with snapshots on the sender, nothing replicated yet. */
export function createScenario(random: Random): Scenario {
  // Half of the worlds can run channel programs, half fall back to plain commands.
  const programs = random.chance(0.5) ? STANDARD_PROGRAMS : NO_PROGRAMS;
  const sim = new ZfsSimulator({ seed: random.below(1 << 30), nowSec: 1_700_000_000, programs });
  sim.addPool("src");
  sim.addPool("dst");
  must(sim, ["zfs", "create", "dst/sink"]);
  const names = ["src/a", "src/a/b c", "src/a/b c/d", "src/e", "src/vol"].filter(() => random.chance(0.6));
  for (const name of names.length === 0 ? ["src/a"] : names) createFilesystem(sim, name);
  growHistory(sim, random, 1 + random.below(3));
  const filter = new Map<string, boolean>([["src<", true]]);
  // Leaving a parent out makes its children need a placeholder.
  if (random.chance(0.3)) filter.set("src", false);
  if (random.chance(0.2)) filter.set("src/a", false);
  const job = createJob(random, filter);
  const { initial, incremental } = job.replication.protection;
  const hostile = initial !== "guarantee_nothing" && incremental !== "guarantee_nothing";
  return { sim, job, config: createConfig(job), hostile };
}

function createFilesystem(sim: ZfsSimulator, name: string): void {
  if (name === "src/vol") must(sim, ["zfs", "create", "-V", "8M", name]);
  else must(sim, ["zfs", "create", "-p", name]);
}

/** Some rounds of writes and snapshots; sometimes a bookmark or a hold of the user's. */
export function growHistory(sim: ZfsSimulator, random: Random, rounds: number): void {
  for (let round = 0; round < rounds; round++) {
    sim.nowSec += 60 + random.below(600);
    const name = `s${sim.nowSec}`;
    for (const filesystem of senderFilesystems(sim)) {
      if (random.chance(0.7) && filesystem !== "src/vol") sim.write(filesystem, 1000 + random.below(400_000));
      if (random.chance(0.85)) must(sim, ["zfs", "snapshot", `${filesystem}@${name}`]);
      if (random.chance(0.1) && sim.contentOf(`${filesystem}@${name}`) !== undefined)
        must(sim, ["zfs", "bookmark", `${filesystem}@${name}`, `${filesystem}#user_${name}`]);
      if (random.chance(0.1) && sim.contentOf(`${filesystem}@${name}`) !== undefined)
        must(sim, ["zfs", "hold", "user_hold", `${filesystem}@${name}`]);
    }
  }
}

export function senderFilesystems(sim: ZfsSimulator): string[] {
  return Object.keys(sim.world.pools["src"]?.datasets ?? {}).sort();
}

function createJob(random: Random, rules: ReadonlyMap<string, boolean>): PushJob {
  const noLimits = { encrypted: false, raw: false, sendProperties: false, backupProperties: false, saved: false };
  return {
    type: "push",
    name: SENDER_JOB,
    connect: { type: "local", listenerName: "l", clientIdentity: "host", dialTimeoutSec: 2 },
    filesystems: { rules, match: (name) => matchSimple(rules, name) },
    send: { ...noLimits, largeBlocks: false, compressed: false, embeddedData: false },
    snapshotting: { type: "manual" },
    pruning: { keepSender: [], keepReceiver: [] },
    replication: {
      protection: { initial: random.pick(GUARANTEES), incremental: random.pick(GUARANTEES) },
      concurrency: { steps: 1 + random.below(3), sizeEstimates: 1 },
      snapshots: { include: [], exclude: [] },
      bundle: random.chance(0.3),
      retry: { attempts: 1 + random.below(2), backoffSec: 0 },
      stallTimeoutSec: 0,
      bookkeeping: { maxSteps: random.pick([1, 2, 5, 1000]), maxDelaySec: random.pick([0, 10]) },
      onDeadToken: "clear",
    },
    conflictResolution: { initialReplication: random.pick(["most_recent", "all"] as const), diverged: "fail" },
  };
}

/** `src<: true` and exact exclusions are all that scenarios use. */
function matchSimple(rules: ReadonlyMap<string, boolean>, name: string): boolean {
  return rules.get(name) ?? (name === "src" || name.startsWith("src/"));
}

function createConfig(job: PushJob): Config {
  const sink: SinkJob = {
    type: "sink",
    name: RECEIVER_JOB,
    serve: { type: "local", listenerName: "l" },
    rootFs: "dst/sink",
    recv: { inheritProperties: [], overrideProperties: {}, placeholderEncryption: "inherit" },
  };
  return { file: "/simulated.yml", jobs: [job, sink], global: { lockDir: "/nowhere" }, warnings: [] };
}

/** Runs a command that has to work. */
export function must(sim: ZfsSimulator, argv: readonly string[]): void {
  const result = sim.exec(argv);
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr}`);
}
