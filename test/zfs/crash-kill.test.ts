/** The crash tests of test/crash on real OpenZFS at a smaller scale: real processes, killed at random times. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Random } from "../random.ts";
import {
  everyReplicaHasABase,
  everythingIsReplicatedAndTidy,
  FILESYSTEMS,
  killHard,
  SEED,
  takeSnapshots,
  thinOut,
} from "./kills.ts";
import { zfs } from "./pool.ts";
import { PUSH_JOB, SINK_JOB, type Site, trackSites } from "./site.ts";

/** More with `npm run test:soak -- --kills N`. */
const KILLS = Number(process.env["ZREPL_RUN_KILLS"] ?? 300);
/** Kills between two runs that must make everything good again. */
const BETWEEN_REPAIRS = 6;

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
      await everythingIsReplicatedAndTidy(site, { sender: PUSH_JOB, receiver: SINK_JOB });
      await thinOut(site);
    }
    await site.succeed(["push", PUSH_JOB]);
    await everythingIsReplicatedAndTidy(site, { sender: PUSH_JOB, receiver: SINK_JOB });
  },
  (120 + KILLS * 20) * 1000,
);

/** Starts a push and kills it, one of its children, or everything, some time later. It may be done by then. */
async function killedPush(site: Site, random: Random, typicalMs: number): Promise<void> {
  const running = site.start(["push", PUSH_JOB]);
  await sleep(random.next() * typicalMs);
  const victim = random.pick(["program", "all", "sender", "receiver"] as const);
  const children = site.zfsProcesses();
  if (victim === "program" || children.length === 0) await killHard([running.pid]);
  else if (victim === "all") await killHard([running.pid, ...children]);
  else await killHard([victim === "sender" ? Math.min(...children) : Math.max(...children)]);
  await running.ended;
  await expect.poll(() => site.zfsProcesses(), { timeout: 10_000 }).toEqual([]);
}
