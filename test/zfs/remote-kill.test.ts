/** Push and pull over ssh on real OpenZFS, with whatever takes part killed at random times: what is whole stays whole. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import {
  everyReplicaHasABase,
  everythingIsReplicatedAndTidy,
  FILESYSTEMS,
  type JobNames,
  killHard,
  SEED,
  takeSnapshots,
  thinOut,
} from "./kills.ts";
import { zfs } from "./pool.ts";
import { CLIENT, type Process, PUSH_JOB, processes, processTree, SINK_JOB, type Site, trackSites } from "./site.ts";
import { type SshHost, trackSshHosts } from "./ssh-host.ts";

/** Each way; more by ZREPL_RUN_KILLS=N npm run test:zfs remote-kill. */
const KILLS = Number(process.env["ZREPL_RUN_KILLS"] ?? 8);
/** Kills between two runs that must make everything good again. */
const BETWEEN_REPAIRS = 4;
const POLL_MS = 30;

const newSite = trackSites(1024);
const newHost = trackSshHosts();

interface Way {
  readonly site: Site;
  readonly host: SshHost;
  /** The active side's command. */
  readonly command: readonly string[];
  readonly jobs: JobNames;
}

const careful = { initial: "guarantee_resumability", incremental: "guarantee_resumability" };
const serve = { type: "stdinserver", client_identities: [CLIENT] };
/** What is killed must not be made good by the same invocation. */
const replication = { protection: careful, retry: { attempts: 1 } };

async function overSsh(site: Site): Promise<{ host: SshHost; connect: object }> {
  const host = await newHost(site.src.dir, [{ identity: CLIENT, config: site.configFile }]);
  return { host, connect: host.connect(CLIENT, { keep_alive: "20s" }) };
}

async function push(): Promise<Way> {
  const site = await newSite();
  const { host, connect } = await overSsh(site);
  site.configure({ push: { connect, replication }, sink: { serve } });
  return { site, host, command: ["push", PUSH_JOB], jobs: { sender: PUSH_JOB, receiver: SINK_JOB } };
}

async function pull(): Promise<Way> {
  const site = await newSite();
  const { host, connect } = await overSsh(site);
  const keep = [{ type: "regex", regex: ".*" }];
  const source = {
    type: "source",
    name: "source",
    serve,
    filesystems: { [`${site.srcRoot}<`]: true, [site.srcRoot]: false },
    snapshotting: { type: "manual" },
  };
  const job = {
    type: "pull",
    name: "pull",
    connect,
    replication,
    root_fs: `${site.rootFs}/${CLIENT}`,
    interval: "manual",
    recv: { placeholder: { encryption: "inherit" } },
    pruning: { keep_sender: keep, keep_receiver: keep },
  };
  await zfs("create", job.root_fs);
  site.configure({ jobs: [source, job] });
  return { site, host, command: ["pull", "pull"], jobs: { sender: "source", receiver: "pull" } };
}

describe(`${KILLS} kills at random times lose nothing (replay with ZREPL_RUN_SEED=${SEED})`, () => {
  test.each([
    ["push", push],
    ["pull", pull],
  ])("of a %s over ssh", { timeout: (120 + KILLS * 30) * 1000 }, async (name, setup) => {
    const random = new Random(SEED);
    const way = await setup();
    const { site, jobs, command } = way;
    for (const filesystem of FILESYSTEMS) await zfs("create", site.fs(filesystem));
    const killed = new Map<Victim, number>();
    let typicalMs = 4000;
    for (let kill = 1; kill <= KILLS; kill++) {
      await takeSnapshots(site, random);
      const victim = await killedRun(way, random, typicalMs);
      killed.set(victim, (killed.get(victim) ?? 0) + 1);
      await everyReplicaHasABase(site);
      if (kill % BETWEEN_REPAIRS !== 0 && kill < KILLS) continue;
      const { seconds } = await site.succeed(command);
      typicalMs = (typicalMs + seconds * 1000) / 2;
      await everythingIsReplicatedAndTidy(site, jobs);
      await thinOut(site);
    }
    console.log(`${name}: killed ${[...killed].map(([victim, times]) => `${victim} ${times}×`).join(", ")}`);
  });
});

const VICTIMS = ["client", "ssh", "sshd", "server", "zfs"] as const;
type Victim = (typeof VICTIMS)[number];

/** Starts a run and kills one of the processes that take part, some time later. The run may be done by then. */
async function killedRun(way: Way, random: Random, typicalMs: number): Promise<Victim> {
  const victim = random.pick(VICTIMS);
  const delayMs = random.next() * typicalMs;
  const running = way.site.start(way.command);
  let isOver = false;
  void running.ended.then(() => {
    isOver = true;
  });
  await sleep(delayMs);
  // zfs runs for moments only: kill the first that is there after that time
  for (;;) {
    const pids = participants(way, running.pid)[victim];
    if (pids.length > 0) await killHard([random.pick(pids)]);
    if (pids.length > 0 || isOver) break;
    await sleep(POLL_MS);
  }
  await running.ended;
  const left = () => {
    const { server, zfs: children } = participants(way, running.pid);
    return [...server, ...children];
  };
  await expect.poll(left, { timeout: 30_000, interval: 200 }).toEqual([]);
  return victim;
}

/** Process ids of all that take part in a run, by what they are. */
function participants({ site, host }: Way, pid: number): Record<Victim, number[]> {
  const all = processes();
  const ids = (found: readonly Process[]) => found.map((process) => process.pid).sort((a, b) => a - b);
  const ours = new Set(processTree(pid));
  const isProgram = ({ argv }: Process, name: string) => (argv[0] ?? "").split(/[/: ]/).includes(name);
  const serves = ({ argv }: Process) => argv.includes(site.configFile) && argv.includes("stdinserver");
  return {
    client: all.some((process) => process.pid === pid) ? [pid] : [],
    ssh: ids(all.filter((process) => ours.has(process.pid) && isProgram(process, "ssh"))),
    sshd: ids(
      all.filter(
        ({ pid: id, argv }) => id !== host.process.pid && underSshd(id, host, all) && argv[0]?.startsWith("sshd"),
      ),
    ),
    server: ids(all.filter(serves)),
    zfs: site.zfsProcesses(),
  };
}

/** Whether a process is one of the host's connections, or what sshd makes of one. */
function underSshd(pid: number, host: SshHost, all: readonly Process[]): boolean {
  const parent = all.find((process) => process.pid === pid)?.parent;
  if (parent === undefined) return false;
  return parent === host.process.pid || underSshd(parent, host, all);
}
