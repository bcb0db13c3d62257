import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import {
  devicesOf,
  eventsOf,
  holdsBelow,
  lines,
  PUSH_JOB,
  SINK_JOB,
  type Site,
  trackSites,
  writeRandom,
} from "./site.ts";

const ROUNDS = 4;
const DEPARTMENTS = ["sales 1", "sales 2", "lab", "lab.old"];
const FILESYSTEMS = DEPARTMENTS.flatMap((department) => [
  department,
  ...["home", "my files", "my files/a b c", "x-y_z"].map((name) => `${department}/${name}`),
]);
const VOLUMES = ["vol one", "lab/vol 2"];
const ALL = [...FILESYSTEMS, ...VOLUMES];

const newSite = trackSites();
let site: Site;

/** Names of the snapshots, one a round. */
const snapshots: string[] = [];

async function createTree(): Promise<void> {
  for (const path of FILESYSTEMS) await zfs("create", site.fs(path));
  for (const path of VOLUMES) await zfs("create", "-V", "4M", "-o", "snapdev=visible", site.fs(path));
}

async function changeEverything(round: number): Promise<void> {
  for (const path of FILESYSTEMS) {
    writeFileSync(join(site.mountpoint(path), `of round ${round}`), `${path} ${round} `.repeat(500 * round));
    writeFileSync(join(site.mountpoint(path), "always other"), String(Math.random()));
  }
  const devices = await devicesOf(VOLUMES.map((path) => site.fs(path)));
  for (const device of devices) await writeRandom(device, 512);
}

/**
 * `PATH@SNAPSHOT NAME MODE CHECKSUM` of every file in the newest snapshot of every filesystem, and in all snapshots of some;
 * `PATH@SNAPSHOT CHECKSUM` of every snapshot of the volumes.
 */
async function checksums(nameOf: (path: string) => string): Promise<string[]> {
  const mountpoint = join(site.dir, "mnt");
  mkdirSync(mountpoint, { recursive: true });
  const found: string[] = [];
  for (const [i, path] of FILESYSTEMS.entries())
    for (const snapshot of i % 5 === 3 ? snapshots : snapshots.slice(-1)) {
      await execa("mount", ["-t", "zfs", "-o", "ro", `${nameOf(path)}@${snapshot}`, mountpoint]);
      for (const entry of readdirSync(mountpoint, { withFileTypes: true })) {
        const file = join(mountpoint, entry.name);
        const content = entry.isFile() ? sha256(readFileSync(file)) : "";
        found.push(`${path}@${snapshot} ${entry.name} ${statSync(file).mode.toString(8)} ${content}`);
      }
      await execa("umount", [mountpoint]);
    }
  const volumes = VOLUMES.flatMap((path) => snapshots.map((snapshot) => `${path}@${snapshot}`));
  const devices = await devicesOf(volumes.map((volume) => nameOf(volume)));
  for (const [i, device] of devices.entries()) {
    const { stdout } = await execa("dd", [`if=${device}`, "bs=1M", "status=none"], { encoding: "buffer" });
    found.push(`${volumes[i]} ${sha256(stdout)}`);
  }
  return found;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** `PATH@SNAPSHOT` → guid, of all filesystems of the tree. */
async function guidsBelow(root: string): Promise<Map<string, string>> {
  return namesToGuids("snapshot", root);
}

async function namesToGuids(type: string, root: string): Promise<Map<string, string>> {
  const rows = lines(await zfs("list", "-Hp", "-r", "-t", type, "-o", "name,guid", root));
  return new Map(rows.map((row) => row.slice(root.length + 1).split("\t") as [string, string]));
}

function cursorName(guid: string | undefined): string {
  const hex = BigInt(guid ?? 0)
    .toString(16)
    .padStart(16, "0");
  return `zrepl_CURSOR_G_${hex}_J_${PUSH_JOB}`;
}

beforeAll(async () => {
  const snapshotting = { type: "periodic", prefix: "zrepl_", interval: "1s", timestamp_format: "unix-seconds" };
  site = await newSite({ push: { snapshotting } });
  await createTree();
});

test.each(Array.from({ length: ROUNDS }, (_, i) => i + 1))(
  "round %i of changes, snapshots and replication of 20 filesystems and 2 volumes",
  async (round) => {
    await changeEverything(round);
    const taken = eventsOf(await site.succeed(["snap", PUSH_JOB]), "snapshotTaken");
    expect(taken.map(({ filesystem }) => filesystem).sort()).toEqual(ALL.map((path) => site.fs(path)).sort());
    const names = [...new Set(taken.map(({ name }) => name))];
    expect(names).toEqual([expect.stringMatching(/^zrepl_\d+$/)]);
    snapshots.push(...names);

    const steps = eventsOf(await site.succeed(["push", PUSH_JOB]), "stepDone");
    expect(steps).toHaveLength(ALL.length);
    expect(new Set(steps.map(({ kind }) => kind))).toEqual(new Set([round === 1 ? "full" : "incremental"]));

    const sent = await guidsBelow(site.srcRoot);
    expect(sent.size).toBe(ALL.length * round);
    expect(await guidsBelow(site.replica("").slice(0, -1))).toEqual(sent);
    expect(await holdsBelow(site.srcRoot)).toEqual([]);
    const last = snapshots.at(-1);
    const replicas = ALL.map((path) => `${site.replica(path)}@${last}: zrepl_last_received_J_${SINK_JOB}`);
    const shortened = replicas.map((line) => line.slice(site.dstRoot.length + 1));
    expect(await holdsBelow(site.dstRoot)).toEqual(shortened.sort());
    const cursors = ALL.map((path) => `${path}#${cursorName(sent.get(`${path}@${last}`))}`);
    expect([...(await namesToGuids("bookmark", site.srcRoot)).keys()].sort()).toEqual(cursors.sort());
  },
);

test("then there is nothing left to do, and no more than four zfs processes are started to find out", async () => {
  const again = await site.succeed(["push", "--log-level", "debug", PUSH_JOB]);
  expect(eventsOf(again, "stepStarted")).toEqual([]);
  const commands = eventsOf(again, "log").filter(({ message }) => message.startsWith("run zfs "));
  // the listing of each side, the receiver's placeholders, its holds
  expect(commands.length, commands.map(({ message }) => message).join("\n")).toBeLessThanOrEqual(4);
});

test("the replicas have the same content as the sender, in every snapshot that is looked at", async () => {
  for (const path of VOLUMES) await zfs("set", "snapdev=visible", site.replica(path));
  const sent = await checksums((path) => site.fs(path));
  const sums = sent.map((line) => line.split(" ").at(-1));
  expect(sums.filter((sum) => sum !== "").length).toBeGreaterThan(FILESYSTEMS.length * (ROUNDS + 1));
  expect(new Set(sums.slice(-VOLUMES.length * ROUNDS)).size).toBe(VOLUMES.length * ROUNDS);
  expect(await checksums((path) => site.replica(path))).toEqual(sent);
});

test("the parents of the replicas are placeholders, the replicas are not, and none of them got mounted", async () => {
  const get = ["get", "-Hp", "-r", "-t", "filesystem,volume", "-s", "local", "-o", "name,value", "zrepl:placeholder"];
  const placeholders = lines(await zfs(...get, site.rootFs)).filter((line) => line.endsWith("\ton"));
  const client = `${site.rootFs}/client`;
  expect(placeholders.map((line) => line.split("\t")[0])).toEqual([
    client,
    `${client}/${site.src.name}`,
    `${client}/${site.srcRoot}`,
  ]);
  const mounted = await zfs("list", "-Hp", "-r", "-t", "filesystem", "-o", "name,mounted", site.rootFs);
  expect(lines(mounted).filter((line) => line.endsWith("\tyes"))).toEqual([]);
});

test("one `run` takes snapshots, replicates and prunes both sides", async () => {
  const pruning = {
    keep_sender: [{ type: "not_replicated" }, { type: "last_n", count: 2 }],
    keep_receiver: [{ type: "last_n", count: 3 }],
  };
  const snapshotting = { type: "periodic", prefix: "zrepl_", interval: "1s", timestamp_format: "unix-seconds" };
  site.configure({ push: { snapshotting, pruning } });
  await changeEverything(9);
  const ended = await site.succeed(["run", PUSH_JOB]);
  expect(eventsOf(ended, "phaseDone").map(({ phase, side, failed }) => [phase, side, failed])).toEqual([
    ["snapshot", undefined, 0],
    ["replicate", undefined, 0],
    ["prune", "sender", 0],
    ["prune", "receiver", 0],
  ]);
  const newest = eventsOf(ended, "snapshotTaken")[0]?.name;
  const kept = (names: readonly (string | undefined)[]) =>
    ALL.flatMap((path) => names.map((name) => `${path}@${name}`));
  const [sender, receiver] = [await guidsBelow(site.srcRoot), await guidsBelow(site.replica("").slice(0, -1))];
  expect([...sender.keys()].sort()).toEqual(kept([snapshots.at(-1), newest]).sort());
  expect([...receiver.keys()].sort()).toEqual(kept([...snapshots.slice(-2), newest]).sort());
});
