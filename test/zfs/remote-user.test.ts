import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { REQUIRED } from "../../src/zfs/allow.ts";
import { trackPools, zfs, zpool } from "./pool.ts";
import { program, trackSshHosts, writeConfig, zreplRun } from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();
const USER = "nobody";
const UID = 65534;

/** Runs `zrepl-run` as the ordinary user. */
async function asUser(config: string, ...args: string[]) {
  const as = ["--reuid", String(UID), "--regid", String(UID), "--clear-groups", process.execPath, program];
  const result = await execa("setpriv", [...as, "-c", config, ...args], {
    reject: false,
    stdin: "ignore",
    all: true,
    env: { HOME: "/tmp" },
  });
  return { exitCode: result.exitCode, output: result.all ?? "" };
}

function privateDir(dir: string, name: string): string {
  const path = join(dir, name);
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, UID, UID);
  return path;
}

beforeAll(async () => {
  // real systems have this by udev; the guest's device is root's
  chmodSync("/dev/zfs", 0o666);
});

describe("without root", () => {
  test("push and prune with the least permissions; the doctor knows what is missing", async () => {
    const from = await newPool();
    const to = await newPool();
    for (const { dir } of [from, to]) chmodSync(dir, 0o755);
    await zfs("create", `${from.name}/data`);
    await zfs("create", `${from.name}/data/child`);
    await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
    const server = writeConfig(to.dir, "server", {
      global: { lock_dir: privateDir(to.dir, "lock") },
      jobs: [
        {
          type: "sink",
          name: "sink",
          root_fs: `${to.name}/sink`,
          serve: { type: "local", listener_name: "here" },
          recv: { placeholder: { encryption: "inherit" } },
        },
      ],
    });
    const client = writeConfig(from.dir, "client", {
      global: { lock_dir: privateDir(from.dir, "lock") },
      include: [server],
      jobs: [
        {
          type: "push",
          name: "push",
          connect: { type: "local", listener_name: "here", client_identity: "alice" },
          filesystems: { [`${from.name}/data<`]: true },
          snapshotting: { type: "periodic", interval: "10m", prefix: "z_" },
          pruning: { keep_sender: [{ type: "last_n", count: 1 }], keep_receiver: [{ type: "last_n", count: 1 }] },
        },
      ],
    });
    const doctor = await asUser(client, "doctor", "push", "sink");
    expect(doctor).toMatchObject({ exitCode: 1 });
    expect(doctor.output).toContain(`as root: zfs allow -u ${USER} ${REQUIRED.receive.join(",")} ${to.name}/sink`);
    const sending = [...new Set([...REQUIRED.snap, ...REQUIRED.send])].join(",");
    await zfs("allow", "-u", USER, sending, `${from.name}/data`);
    await zfs("allow", "-u", USER, REQUIRED.receive.join(","), `${to.name}/sink`);
    expect(await asUser(client, "doctor", "push", "sink")).toMatchObject({ exitCode: 0 });
    const run = async () => {
      const { exitCode, output } = await asUser(client, "run", "push");
      expect(exitCode, output).toBe(0);
    };
    await run();
    await asUser(client, "snap", "push");
    await run();
    const received = await zfs("list", "-Hpro", "name", "-t", "snapshot", `${to.name}/sink`);
    expect(received.split("\n")).toHaveLength(2);
  });
});

describe("the doctor", () => {
  test("tells ssh's troubles from each other, and what the other side says", async () => {
    const pool = await newPool();
    await zfs("create", "-o", "mountpoint=none", `${pool.name}/sink`);
    await zfs("create", `${pool.name}/data`);
    const server = writeConfig(pool.dir, "server", {
      global: { lock_dir: join(pool.dir, "lock-server") },
      jobs: [
        {
          type: "sink",
          name: "sink",
          root_fs: `${pool.name}/sink`,
          serve: { type: "stdinserver", client_identities: ["alice"] },
          permissions: { prune: false },
        },
      ],
    });
    const host = await newHost(pool.dir, [
      { identity: "alice", config: server },
      { identity: "stranger", config: server },
    ]);
    const wrong = await newHost(pool.dir, [{ identity: "alice", config: server }], {
      command: "/no/such/zrepl-run stdinserver alice",
    });
    writeFileSync(join(pool.dir, "empty"), "");
    const connects = {
      good: host.connect("alice"),
      stranger: host.connect("stranger"),
      unknown: host.connect("alice", { options: [`UserKnownHostsFile=${join(pool.dir, "empty")}`] }),
      closed: host.connect("alice", { port: 1 }),
      key: wrong.connect("alice", { identity_file: host.keyOf("alice") }),
      program: wrong.connect("alice"),
    };
    const keep = [{ type: "last_n", count: 1 }];
    const client = writeConfig(pool.dir, "client", {
      global: { lock_dir: join(pool.dir, "lock") },
      jobs: Object.entries(connects).map(([name, connect]) => ({
        type: "push",
        name,
        connect,
        filesystems: { [`${pool.name}/data`]: true },
        snapshotting: { type: "manual" },
        pruning: { keep_sender: keep, keep_receiver: keep },
      })),
    });
    const good = await zreplRun(client, "doctor", "good");
    expect(good.exitCode, good.output).toBe(0);
    expect(good.output).toMatch(/ok {3}root@127\.0\.0\.1 answers after [\d.]+ s: zrepl-run \S+, job sink/);
    expect(good.output).toContain("does not let this job prune there");
    expect(good.output).toContain(`ok   pool ${pool.name} can receive what pool ${pool.name} sends`);
    for (const [job, says] of Object.entries({
      stranger: 'no sink job here serves client "stranger"',
      unknown: "the host key of 127.0.0.1 is not known; connect once by hand",
      closed: "is sshd running, is connect.port right?",
      key: "refuses the key for user root",
      program: "authorized_keys on 127.0.0.1 needs command=",
    })) {
      const doctor = await zreplRun(client, "doctor", job);
      expect(doctor).toMatchObject({ exitCode: 1, output: expect.stringContaining(says) });
    }
  });

  test("compares the features of the pools, over ssh and local, and says it in JSON", async () => {
    const from = await newPool({ args: ["-O", "compression=lz4", "-O", "recordsize=1M"], mountpoint: true });
    // -d: no feature but those named
    const to = await newPool({ args: ["-d", "-o", "feature@extensible_dataset=enabled"] });
    await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
    await zfs("create", `${from.name}/data`);
    writeFileSync(join(from.dir, "mnt", "data", "large"), Buffer.alloc(2 << 20, "text "));
    await zfs("snapshot", `${from.name}/data@one`);
    const sink = (name: string, serve: object) => ({
      type: "sink",
      name,
      root_fs: `${to.name}/sink`,
      serve,
      recv: { placeholder: { encryption: "off" } },
    });
    const global = { lock_dir: join(to.dir, "lock") };
    const jobs = [sink("sink", { type: "stdinserver", client_identities: ["alice"] })];
    const host = await newHost(to.dir, [
      { identity: "alice", config: writeConfig(to.dir, "server", { global, jobs }) },
    ]);
    const keep = [{ type: "last_n", count: 1 }];
    const push = (name: string, connect: object) => ({
      type: "push",
      name,
      connect,
      filesystems: { [`${from.name}/data`]: true },
      send: { compressed: true, large_blocks: true },
      snapshotting: { type: "manual" },
      pruning: { keep_sender: keep, keep_receiver: keep },
    });
    const client = writeConfig(from.dir, "client", {
      global: { lock_dir: join(from.dir, "lock") },
      jobs: [
        push("far", host.connect("alice")),
        push("near", { type: "local", listener_name: "here", client_identity: "alice" }),
        sink("here", { type: "local", listener_name: "here" }),
      ],
    });
    for (const job of ["far", "near"]) {
      const { exitCode, output } = await zreplRun(client, "--json", "doctor", job);
      expect(exitCode, output).toBe(1);
      const events = output
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line));
      expect(events.at(-1)).toMatchObject({ event: "end", exitCode: 1, error: "1 check failed" });
      const features = events.filter(({ event, check }) => event === "checked" && check === "features");
      expect(features).toMatchObject([
        { job, status: "fail", detail: expect.stringContaining("uses lz4_compress, which pool") },
        { job, status: "warn", detail: expect.stringContaining("uses large_blocks, which pool") },
      ]);
      expect(features[0].remedy).toContain(`zpool set feature@lz4_compress=enabled ${to.name}`);
    }
    // it is as the doctor says
    const failed = await zreplRun(client, "push", "near");
    expect(failed).toMatchObject({ exitCode: 1, output: expect.stringContaining("pool must be upgraded") });
    for (const feature of ["lz4_compress", "large_blocks"]) await zpool("set", `feature@${feature}=enabled`, to.name);
    expect(await zreplRun(client, "doctor", "near")).toMatchObject({ exitCode: 0 });
    const pushed = await zreplRun(client, "push", "near");
    expect(pushed.exitCode, pushed.output).toBe(0);
  });
});
