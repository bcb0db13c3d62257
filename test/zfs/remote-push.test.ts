import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { trackPools, zfs } from "./pool.ts";
import { trackSshHosts, writeConfig, zreplRun } from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();

const keep = { keep_sender: [{ type: "last_n", count: 10 }], keep_receiver: [{ type: "last_n", count: 10 }] };

/** One host plays both: a pool for each side, and a config for each. */
async function pushSetup(more: { sink?: object; push?: object; connect?: object; noise?: string } = {}) {
  const from = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
  const to = await newPool();
  await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
  const server = writeConfig(to.dir, "server", {
    global: { lock_dir: join(to.dir, "lock") },
    jobs: [
      {
        type: "sink",
        name: "sink",
        root_fs: `${to.name}/sink`,
        serve: { type: "stdinserver", client_identities: ["alice", "bob"] },
        recv: { placeholder: { encryption: "inherit" } },
        ...more.sink,
      },
    ],
  });
  const host = await newHost(
    to.dir,
    ["alice", "bob"].map((identity) => ({ identity, config: server })),
    more.noise === undefined ? {} : { noise: more.noise },
  );
  const client = writeConfig(from.dir, "client", {
    global: { lock_dir: join(from.dir, "lock") },
    jobs: [
      {
        type: "push",
        name: "push",
        connect: host.connect("alice", more.connect),
        filesystems: { [`${from.name}/data<`]: true },
        snapshotting: { type: "manual" },
        pruning: keep,
        ...more.push,
      },
    ],
  });
  return { from, to, server, client, host, received: `${to.name}/sink/alice/${from.name}/data` };
}

const guid = (snapshot: string) => zfs("get", "-Hpo", "value", "guid", snapshot);

describe("push over ssh", () => {
  test("small streams share the session, large ones get their own", async () => {
    const { from, client, host, received } = await pushSetup();
    await zfs("create", `${from.name}/data`);
    for (const child of ["a", "b", "c"]) await zfs("create", `${from.name}/data/${child}`);
    writeFileSync(join(from.dir, "mnt/data/a/large"), Buffer.alloc(16 << 20, 7));
    await zfs("snapshot", "-r", `${from.name}/data@one`);
    const first = await zreplRun(client, "push", "push");
    expect(first).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/a", "/b", "/c"])
      expect(await guid(`${received}${child}@one`)).toBe(await guid(`${from.name}/data${child}@one`));
    expect(host.sessions()).toBe(2);
    await zfs("snapshot", "-r", `${from.name}/data@two`);
    const second = await zreplRun(client, "push", "push");
    expect(second).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/a", "/b", "/c"])
      expect(await guid(`${received}${child}@two`)).toBe(await guid(`${from.name}/data${child}@two`));
    expect(host.sessions()).toBe(3);
    const third = await zreplRun(client, "run", "push");
    expect(third).toMatchObject({ exitCode: 0 });
    expect(host.sessions()).toBe(5);

    await zfs("snapshot", `${from.name}/data/b@three`);
    const status = await zreplRun(client, "--no-color", "status", "push");
    expect(status, status.output).toMatchObject({ exitCode: 0 });
    expect(status.output).toMatch(/data\/b: behind/);
    expect(status.output.match(/: ok/g)).toHaveLength(3);
    const monitor = await zreplRun(client, "monitor", "push", "--lag", "1h,2h", "--side", "receiver");
    expect(monitor).toMatchObject({ exitCode: 0, output: expect.stringMatching(/^OK: /) });
  });

  test("a sink strips prefixes: incremental, pruned by what the sender has, restored, and incremental again", async () => {
    const { from, to, client } = await pushSetup({
      sink: {
        recv: { placeholder: { encryption: "inherit" }, strip_prefix: 1 },
        permissions: { receive: true, send: true, prune: true },
      },
      push: { pruning: { keep_sender: keep.keep_sender, keep_receiver: [{ type: "last_n", count: 1 }] } },
    });
    const data = `${from.name}/data`;
    const received = `${to.name}/sink/alice/data`;
    const snapshotsOf = async (filesystem: string) =>
      (await zfs("list", "-Ho", "name", "-t", "snapshot", "-d", "1", filesystem))
        .split("\n")
        .map((name) => name.split("@")[1]);
    for (const name of [data, `${data}/a`, `${data}/b`]) await zfs("create", name);
    writeFileSync(join(from.dir, "mnt/data/a/large"), Buffer.alloc(4 << 20, 7));
    for (const snapshot of ["one", "two"]) {
      await zfs("snapshot", "-r", `${data}@${snapshot}`);
      expect(await zreplRun(client, "run", "push")).toMatchObject({ exitCode: 0 });
    }
    for (const path of ["", "/a", "/b"]) {
      expect(await guid(`${received}${path}@two`)).toBe(await guid(`${data}${path}@two`));
      expect(await snapshotsOf(`${received}${path}`)).toEqual(["two"]);
      expect(await snapshotsOf(`${data}${path}`)).toEqual(["one", "two"]);
    }
    expect((await zreplRun(client, "restore", "push", "--list")).output).toContain("*/data/a");
    await zfs("destroy", "-r", `${data}/a`);
    const restored = await zreplRun(client, "restore", "push", "--filesystem", `${data}/a`);
    expect(restored, restored.output).toMatchObject({ exitCode: 0 });
    expect(await guid(`${data}/a@two`)).toBe(await guid(`${received}/a@two`));
    await zfs("snapshot", "-r", `${data}@three`);
    const { output } = await zreplRun(client, "push", "push", "--json");
    expect(output.match(/"stepDone".*"from":"@two"/g)).toHaveLength(3);
    expect((await zreplRun(client, "verify", "push", "--data")).exitCode).toBe(0);
  });

  test("two clients at once, each below its own filesystem", async () => {
    const { from, client, host, to } = await pushSetup({ noise: "Welcome! " });
    const second = writeConfig(from.dir, "bob", {
      global: { lock_dir: join(from.dir, "lock-bob") },
      jobs: [
        {
          type: "push",
          name: "push",
          connect: host.connect("bob"),
          filesystems: { [`${from.name}/data<`]: true },
          snapshotting: { type: "manual" },
          pruning: keep,
        },
      ],
    });
    await zfs("create", `${from.name}/data`);
    writeFileSync(join(from.dir, "mnt/data/large"), Buffer.alloc(4 << 20, 7));
    await zfs("snapshot", `${from.name}/data@one`);
    const runs = await Promise.all([zreplRun(client, "push", "push"), zreplRun(second, "push", "push")]);
    for (const { exitCode, output } of runs) expect(exitCode, output).toBe(0);
    for (const name of ["alice", "bob"])
      expect(await guid(`${to.name}/sink/${name}/${from.name}/data@one`)).toBe(await guid(`${from.name}/data@one`));
  });

  test("encrypted filesystems go raw; the sink never has the key", async () => {
    const { from, client, received } = await pushSetup({ push: { send: { encrypted: true } } });
    const key = join(from.dir, "key");
    writeFileSync(key, "0123456789abcdef0123456789abcdef");
    const encryption = ["encryption=aes-256-gcm", "keyformat=raw", `keylocation=file://${key}`];
    await zfs("create", ...encryption.flatMap((property) => ["-o", property]), `${from.name}/data`);
    writeFileSync(join(from.dir, "mnt/data/large"), Buffer.alloc(3 << 20, 7));
    for (const snapshot of ["one", "two"]) {
      await zfs("snapshot", `${from.name}/data@${snapshot}`);
      const { exitCode, output } = await zreplRun(client, "push", "push");
      expect(exitCode, output).toBe(0);
      expect(await guid(`${received}@${snapshot}`)).toBe(await guid(`${from.name}/data@${snapshot}`));
    }
    expect(await zfs("get", "-Hpo", "value", "encryption,keystatus", received)).toBe("aes-256-gcm\nunavailable");
  });
});
