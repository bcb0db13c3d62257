/** Both ends as ordinary users over ssh, with the permissions of the manual and no more. */
import { chmodSync, chownSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REQUIRED } from "../../src/zfs/allow.ts";
import { type TestPool, trackPools, zfs } from "./pool.ts";
import { program, type SshHost, trackSshHosts, writeConfig } from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();

/** Who logs in on the passive side: an account with a shell, which sshd needs, and no password. */
const SERVER = `zrtest${process.pid}`;
/** Who runs the active side. */
const CLIENT = { name: "nobody", uid: 65534 };
const SENDING = [...new Set([...REQUIRED.snap, ...REQUIRED.send])].join(",");
const RECEIVING = REQUIRED.receive.join(",");
let serverUid = 0;
/** Of the active and of the passive side. */
let near: TestPool;
let far: TestPool;

beforeAll(async () => {
  // real systems have this by udev; a guest's device is root's
  chmodSync("/dev/zfs", 0o666);
  await execa("useradd", ["--system", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", "-p", "*", SERVER]);
  serverUid = Number((await execa("id", ["-u", SERVER])).stdout);
  near = await newPool();
  far = await newPool();
  for (const { dir } of [near, far]) chmodSync(dir, 0o755);
});

afterAll(async () => {
  await execa("userdel", [SERVER], { reject: false });
});

async function asClient(config: string, ...args: string[]) {
  const as = ["--reuid", String(CLIENT.uid), "--regid", String(CLIENT.uid), "--clear-groups"];
  const options = { reject: false, stdin: "ignore", all: true, env: { HOME: "/tmp" } } as const;
  const { exitCode, all } = await execa("setpriv", [...as, process.execPath, program, "-c", config, ...args], options);
  return { exitCode, output: all ?? "" };
}

function privateDir({ dir }: TestPool, name: string, uid: number): string {
  const path = join(dir, name);
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, uid, uid);
  return path;
}

async function serve(name: string, job: object): Promise<object> {
  const global = { lock_dir: privateDir(far, `lock-${name}`, serverUid) };
  const served = { ...job, name, serve: { type: "stdinserver", client_identities: ["alice"] } };
  const config = writeConfig(far.dir, name, { global, jobs: [served] });
  const host: SshHost = await newHost(far.dir, [{ identity: "alice", config }], { user: SERVER });
  const key = join(near.dir, `key-${name}`);
  copyFileSync(host.keyOf("alice"), key);
  chownSync(key, CLIENT.uid, CLIENT.uid);
  return host.connect("alice", { identity_file: key });
}

const keep = [{ type: "last_n", count: 1 }];
const pruning = { keep_sender: keep, keep_receiver: keep };
const recv = { placeholder: { encryption: "inherit" } };

function configure(name: string, job: object): string {
  const global = { lock_dir: privateDir(near, `lock-${name}`, CLIENT.uid) };
  return writeConfig(near.dir, name, { global, jobs: [{ name, ...job }] });
}

/** The doctor is content, and so is a run, with nothing to warn of, also of what an earlier run left. */
async function works(config: string, job: string, prepare: () => Promise<unknown>): Promise<void> {
  const doctor = await asClient(config, "doctor", job);
  expect(doctor.exitCode, doctor.output).toBe(0);
  for (let run = 0; run < 2; run++) {
    await prepare();
    const { exitCode, output } = await asClient(config, "run", job);
    expect(exitCode, output).toBe(0);
    expect(output).not.toMatch(/WARN|ERRO|denied/);
  }
}

const snapshots = async (filesystem: string) =>
  (await zfs("list", "-Hpo", "guid", "-t", "snapshot", "-d", "1", "-s", "createtxg", filesystem)).split("\n");

describe("two ordinary users over ssh", () => {
  test("push, with snapshots and pruning on both sides", async () => {
    const data = `${near.name}/push`;
    await zfs("create", data);
    await zfs("create", "-o", "mountpoint=none", `${far.name}/sink`);
    await zfs("allow", "-u", CLIENT.name, SENDING, data);
    await zfs("allow", "-u", SERVER, RECEIVING, `${far.name}/sink`);
    const connect = await serve("sink", { type: "sink", root_fs: `${far.name}/sink`, recv });
    const snapshotting = { type: "periodic", interval: "1s", prefix: "z_" };
    const config = configure("push", { type: "push", connect, filesystems: { [data]: true }, snapshotting, pruning });
    await works(config, "push", async () => undefined);
    expect(await snapshots(`${far.name}/sink/alice/${data}`)).toEqual(await snapshots(data));
  });

  test("pull, with pruning on both sides", async () => {
    const data = `${far.name}/data`;
    await zfs("create", data);
    await zfs("create", "-o", "mountpoint=none", `${near.name}/pulled`);
    await zfs("allow", "-u", SERVER, SENDING, data);
    await zfs("allow", "-u", CLIENT.name, RECEIVING, `${near.name}/pulled`);
    const filesystems = { [data]: true };
    const connect = await serve("source", { type: "source", filesystems, snapshotting: { type: "manual" } });
    const root_fs = `${near.name}/pulled`;
    const config = configure("pull", { type: "pull", connect, root_fs, interval: "manual", recv, pruning });
    let taken = 0;
    await works(config, "pull", () => zfs("snapshot", `${data}@z_${++taken}`));
    expect(await snapshots(`${near.name}/pulled/${data}`)).toEqual(await snapshots(data));
    expect(await snapshots(data)).toHaveLength(1);
  });
});
