/** The least permissions of each role: with all of them a whole cycle works as an ordinary user, without any one of them it does not. */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { REQUIRED } from "../../src/zfs/allow.ts";
import { type TestPool, trackPools, zfs } from "./pool.ts";
import { program, writeConfig } from "./ssh-host.ts";

const newPool = trackPools("all");
const USER = "nobody";
const UID = 65534;
let from: TestPool;
let to: TestPool;

beforeAll(async () => {
  // real systems have this by udev; a guest's device is root's
  chmodSync("/dev/zfs", 0o666);
  from = await newPool();
  to = await newPool();
  for (const { dir } of [from, to]) chmodSync(dir, 0o755);
});

let cycles = 0;

/** Takes a snapshot, replicates it and older ones, and prunes both sides, as the user: `times` runs. */
async function cycle(sending: readonly string[], receiving: readonly string[], times = 1) {
  const name = `t${++cycles}`;
  const [source, root] = [`${from.name}/${name}`, `${to.name}/${name}`];
  await zfs("create", source);
  await zfs("create", "-o", "mountpoint=none", root);
  for (const snapshot of ["one", "two"]) await zfs("snapshot", `${source}@z_${snapshot}`);
  await zfs("allow", "-u", USER, sending.join(","), source);
  await zfs("allow", "-u", USER, receiving.join(","), root);
  const lockDir = join(from.dir, name);
  mkdirSync(lockDir, { mode: 0o700 });
  chownSync(lockDir, UID, UID);
  const config = writeConfig(from.dir, name, { global: { lock_dir: lockDir }, jobs: jobs(source, root) });
  const as = ["--reuid", String(UID), "--regid", String(UID), "--clear-groups", process.execPath, program];
  const outputs: string[] = [];
  for (let run = 0; run < times; run++) {
    const args = [...as, "-c", config, "run", "push"];
    const result = await execa("setpriv", args, { reject: false, stdin: "ignore", all: true });
    outputs.push(`${result.all}\nexit status ${result.exitCode}`);
  }
  return outputs.join("\n");
}

function jobs(source: string, root: string): object[] {
  const keep = [{ type: "last_n", count: 1 }];
  return [
    {
      type: "sink",
      name: "sink",
      root_fs: root,
      serve: { type: "local", listener_name: "here" },
      recv: { placeholder: { encryption: "inherit" } },
    },
    {
      type: "push",
      name: "push",
      connect: { type: "local", listener_name: "here", client_identity: "alice" },
      filesystems: { [source]: true },
      snapshotting: { type: "periodic", interval: "1s", prefix: "z_" },
      pruning: { keep_sender: keep, keep_receiver: keep },
      replication: { retry: { attempts: 1 } },
      conflict_resolution: { initial_replication: "all" },
    },
  ];
}

const SENDING = [...new Set([...REQUIRED.snap, ...REQUIRED.send])];
const without = (permissions: readonly string[], dropped: string) => permissions.filter((one) => one !== dropped);
/** Only the second run has a hold of the first to release. */
const runsFor = (permission: string) => (permission === "release" ? 2 : 1);

describe("an ordinary user", () => {
  test("can do a whole cycle with the permissions of the manual, and has nothing to warn of", async () => {
    const output = await cycle(SENDING, REQUIRED.receive, 2);
    expect(output).not.toMatch(/WARN|ERRO|denied|exit status [^0]/);
  });

  test.each(SENDING)("needs %s on the sender", async (permission) => {
    const output = await cycle(without(SENDING, permission), REQUIRED.receive);
    expect(output).toMatch(/^.*(WARN|ERRO).*permission denied.*$/m);
  });

  test.each(REQUIRED.receive)("needs %s on the receiver", async (permission) => {
    const output = await cycle(SENDING, without(REQUIRED.receive, permission), runsFor(permission));
    expect(output).toMatch(/^.*(WARN|ERRO).*permission denied.*$/m);
  });
});
