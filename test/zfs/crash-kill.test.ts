/** The crash tests of test/crash on real OpenZFS at a smaller scale: real processes, killed at random times. */
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { zfs } from "./pool.ts";
import { holdsBelow, lines, PUSH_JOB, SINK_JOB, type Site, trackSites } from "./site.ts";

/** More with `npm run test:soak -- --kills N`. */
const KILLS = Number(process.env["ZREPL_RUN_KILLS"] ?? 300);
const SEED = Number(process.env["ZREPL_RUN_SEED"] ?? Date.now() % 1_000_000);
/** Kills between two runs that must make everything good again. */
const BETWEEN_REPAIRS = 6;
const FILESYSTEMS = ["a", "a/b c", "d"];

const newSite = trackSites(2048);

test(
  `${KILLS} kills at random times lose nothing (replay with ZREPL_RUN_SEED=${SEED})`,
  async () => {
    const random = new Random(SEED);
    const site = await newSite({
      push: {
        replication: { protection: { initial: "guarantee_resumability", incremental: "guarantee_resumability" } },
      },
    });
    for (const filesystem of FILESYSTEMS) await zfs("create", site.fs(filesystem));
    let typicalMs = 1500;
    for (let kill = 0; kill < KILLS; kill++) {
      await takeSnapshots(site, random);
      await killedPush(site, random, typicalMs);
      await everyReplicaHasABase(site);
      if (kill % BETWEEN_REPAIRS !== BETWEEN_REPAIRS - 1) continue;
      const { seconds } = await site.succeed(["push", PUSH_JOB]);
      typicalMs = (typicalMs + seconds * 1000) / 2;
      await everythingIsReplicatedAndTidy(site);
      await thinOut(site);
    }
    await site.succeed(["push", PUSH_JOB]);
    await everythingIsReplicatedAndTidy(site);
  },
  (120 + KILLS * 5) * 1000,
);

async function takeSnapshots(site: Site, random: Random): Promise<void> {
  const name = `${Date.now()}-${random.below(1_000_000)}`;
  for (const filesystem of FILESYSTEMS.filter(() => random.chance(0.5)))
    await site.write(filesystem, `file ${random.below(5)}`, 1 + random.below(random.chance(0.3) ? 4096 : 64));
  const chosen = FILESYSTEMS.filter(() => random.chance(0.7));
  if (chosen.length > 0) await zfs("snapshot", ...chosen.map((filesystem) => `${site.fs(filesystem)}@${name}`));
}

/** Starts a push and kills it, one of its children, or everything, some time later. It may be done by then. */
async function killedPush(site: Site, random: Random, typicalMs: number): Promise<void> {
  const running = site.start(["push", PUSH_JOB]);
  await sleep(random.next() * typicalMs);
  const victim = random.pick(["program", "all", "sender", "receiver"] as const);
  const children = site.zfsProcesses();
  if (victim === "program" || children.length === 0) await kill([running.pid]);
  else if (victim === "all") await kill([running.pid, ...children]);
  else await kill([victim === "sender" ? Math.min(...children) : Math.max(...children)]);
  await running.ended;
  await expect.poll(() => site.zfsProcesses(), { timeout: 10_000 }).toEqual([]);
}

async function kill(pids: readonly number[]): Promise<void> {
  await execa("kill", ["-9", ...pids.map(String)], { reject: false });
}

interface Version {
  readonly name: string;
  readonly guid: string;
}

/** All snapshots and bookmarks below both roots by filesystem, oldest first. */
async function versionsOf(site: Site): Promise<Map<string, Version[]>> {
  const types = ["-t", "snapshot,bookmark", "-s", "createtxg"];
  const listing = await zfs("list", "-Hp", "-r", ...types, "-o", "name,guid", site.srcRoot, site.dstRoot);
  const versions = new Map<string, Version[]>();
  for (const line of lines(listing)) {
    const [path = "", guid = ""] = line.split("\t");
    const at = path.search(/[@#]/);
    const filesystem = path.slice(0, at);
    versions.set(filesystem, [...(versions.get(filesystem) ?? []), { name: path.slice(at), guid }]);
  }
  return versions;
}

function snapshots(versions: readonly Version[] | undefined): Version[] {
  return (versions ?? []).filter(({ name }) => name.startsWith("@"));
}

/** The receiver's newest snapshot is on the sender, as a snapshot or a bookmark, at any moment. */
async function everyReplicaHasABase(site: Site): Promise<void> {
  const versions = await versionsOf(site);
  for (const filesystem of FILESYSTEMS) {
    const newest = snapshots(versions.get(site.replica(filesystem))).at(-1);
    const onSender = (versions.get(site.fs(filesystem)) ?? []).map(({ guid }) => guid);
    if (newest !== undefined) expect(onSender).toContain(newest.guid);
  }
}

async function everythingIsReplicatedAndTidy(site: Site): Promise<void> {
  const versions = await versionsOf(site);
  const replicated = FILESYSTEMS.filter((filesystem) => snapshots(versions.get(site.fs(filesystem))).length > 0);
  for (const filesystem of replicated) {
    const newest = snapshots(versions.get(site.fs(filesystem))).at(-1);
    expect(snapshots(versions.get(site.replica(filesystem))).at(-1)).toEqual(newest);
    const guid = BigInt(newest?.guid ?? 0)
      .toString(16)
      .padStart(16, "0");
    const bookmarks = (versions.get(site.fs(filesystem)) ?? []).filter(({ name }) => name.startsWith("#"));
    expect(bookmarks.map(({ name }) => name)).toEqual([`#zrepl_CURSOR_G_${guid}_J_${PUSH_JOB}`]);
  }
  const tokens = await zfs("list", "-H", "-r", "-t", "filesystem", "-o", "receive_resume_token", site.dstRoot);
  expect(new Set(lines(tokens))).toEqual(new Set(["-"]));
  expect(await holdsBelow(site.srcRoot)).toEqual([]);
  const held = (await holdsBelow(site.dstRoot)).map((line) => line.replace(/^.*: /, ""));
  expect(held).toEqual(replicated.map(() => `zrepl_last_received_J_${SINK_JOB}`));
}

/** Users prune: all but the newest snapshot on both sides may go now and then. */
async function thinOut(site: Site): Promise<void> {
  for (const [filesystem, versions] of await versionsOf(site)) {
    const names = snapshots(versions)
      .slice(0, -1)
      .map(({ name }) => name.slice(1));
    if (names.length > 0) await zfs("destroy", `${filesystem}@${names.join(",")}`);
  }
}
