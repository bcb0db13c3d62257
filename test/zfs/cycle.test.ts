import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { zfs } from "./pool.ts";
import {
  bookmarksOf,
  eventsOf,
  holdsBelow,
  lines,
  PUSH_JOB,
  property,
  SINK_JOB,
  type Site,
  snapshotsOf,
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
  for (const path of VOLUMES) await writeRandom(await deviceOf(site.fs(path)), 512);
}

/** The block device of a volume, or of a snapshot of one (needs snapdev=visible). Without udev it is only /dev/zdN. */
async function deviceOf(volume: string): Promise<string> {
  const find = async () => {
    if (existsSync(`/dev/zvol/${volume}`)) return `/dev/zvol/${volume}`;
    for (const device of readdirSync("/dev").filter((entry) => /^zd\d+$/.test(entry))) {
      const { stdout } = await execa("/lib/udev/zvol_id", [`/dev/${device}`], { reject: false });
      if (stdout === volume || stdout === volume.replaceAll(" ", "+")) return `/dev/${device}`;
    }
    return "";
  };
  await expect.poll(find, { timeout: 20_000, message: `device of ${volume}` }).not.toBe("");
  return find();
}

/** A line `PATH@SNAPSHOT CHECKSUM` for every snapshot; of filesystems, of all that `find` sees. */
async function checksums(nameOf: (path: string) => string): Promise<string[]> {
  const mountpoint = join(site.dir, "mnt");
  mkdirSync(mountpoint, { recursive: true });
  const sum = `mount -t zfs -o ro "$1" "$2" && (cd "$2" && find . -type f -printf '%p %m %U\\n' -exec sha256sum {} + | sort | sha256sum); umount "$2"`;
  const found: string[] = [];
  for (const snapshot of snapshots) {
    for (const path of FILESYSTEMS) {
      const { stdout } = await execa("bash", ["-c", sum, "bash", `${nameOf(path)}@${snapshot}`, mountpoint]);
      found.push(`${path}@${snapshot} ${stdout}`);
    }
    for (const path of VOLUMES) {
      const device = await deviceOf(`${nameOf(path)}@${snapshot}`);
      const { stdout } = await execa("bash", ["-c", 'dd if="$1" bs=1M status=none | sha256sum', "bash", device]);
      found.push(`${path}@${snapshot} ${stdout}`);
    }
  }
  return found;
}

async function guids(path: string): Promise<string> {
  return zfs("list", "-Hp", "-d", "1", "-t", "snapshot", "-s", "createtxg", "-o", "guid", path);
}

async function cursorOf(path: string, snapshot: string): Promise<string> {
  const guid = BigInt(await property(`${path}@${snapshot}`, "guid"));
  return `zrepl_CURSOR_G_${guid.toString(16).padStart(16, "0")}_J_${PUSH_JOB}`;
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

    for (const path of ALL) expect(await guids(site.replica(path)), path).toBe(await guids(site.fs(path)));
    expect(await holdsBelow(site.srcRoot)).toEqual([]);
    const last = snapshots.at(-1);
    const replicas = ALL.map((path) => `${site.replica(path)}@${last}: zrepl_last_received_J_${SINK_JOB}`);
    const shortened = replicas.map((line) => line.slice(site.dstRoot.length + 1));
    expect(await holdsBelow(site.dstRoot)).toEqual(shortened.sort());
    for (const path of ALL)
      expect(await bookmarksOf(site.fs(path))).toEqual([await cursorOf(site.fs(path), `${last}`)]);
  },
);

test("then there is nothing left to do, and no zfs process more than three listings is started", async () => {
  const again = await site.succeed(["push", "--log-level", "debug", PUSH_JOB]);
  expect(eventsOf(again, "stepStarted")).toEqual([]);
  const commands = eventsOf(again, "log").filter(({ message }) => message.startsWith("run zfs "));
  // the listing of each side, the receiver's placeholders, its holds
  expect(commands.length, commands.map(({ message }) => message).join("\n")).toBeLessThanOrEqual(4);
});

test("the replicas have the same content as the sender, in every snapshot", async () => {
  for (const path of VOLUMES) await zfs("set", "snapdev=visible", site.replica(path));
  const sent = await checksums((path) => site.fs(path));
  expect(new Set(sent.map((line) => line.split(" ").at(-3))).size).toBeGreaterThan(ALL.length);
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
  for (const path of ALL) {
    expect(await snapshotsOf(site.fs(path)), path).toEqual([snapshots.at(-1), newest]);
    expect(await snapshotsOf(site.replica(path)), path).toEqual([...snapshots.slice(-2), newest]);
  }
});
