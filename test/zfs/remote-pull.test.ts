import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { trackPools, zfs } from "./pool.ts";
import { receivedBytes, startZreplRun, trackSshHosts, writeConfig, zreplRun } from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();

/** One host plays both: a pool for each side, and a config for each. */
async function pullSetup(more: { source?: object; pull?: object; connect?: object; noise?: string } = {}) {
  const from = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
  const to = await newPool();
  await zfs("create", "-o", "mountpoint=none", `${to.name}/pulled`);
  const server = writeConfig(from.dir, "server", {
    global: { lock_dir: join(from.dir, "lock") },
    jobs: [
      {
        type: "source",
        name: "source",
        filesystems: { [`${from.name}/data<`]: true, [`${from.name}/data/secret`]: false },
        snapshotting: { type: "manual" },
        serve: { type: "stdinserver", client_identities: ["puller"] },
        ...more.source,
      },
    ],
  });
  const host = await newHost(
    from.dir,
    [{ identity: "puller", config: server }],
    more.noise === undefined ? {} : { noise: more.noise },
  );
  const client = writeConfig(to.dir, "client", {
    global: { lock_dir: join(to.dir, "lock") },
    jobs: [
      {
        type: "pull",
        name: "pull",
        connect: host.connect("puller", more.connect),
        root_fs: `${to.name}/pulled`,
        interval: "manual",
        recv: { placeholder: { encryption: "inherit" } },
        pruning: { keep_sender: [{ type: "last_n", count: 1 }], keep_receiver: [{ type: "last_n", count: 1 }] },
        ...more.pull,
      },
    ],
  });
  return { from, to, client, host, data: `${from.name}/data`, received: `${to.name}/pulled/${from.name}/data` };
}

const guid = (snapshot: string) => zfs("get", "-Hpo", "value", "guid", snapshot);
const snapshotsOf = async (filesystem: string) =>
  (await zfs("list", "-Hpo", "name", "-t", "snapshot", "-d", "1", filesystem))
    .split("\n")
    .map((name) => name.split("@")[1]);

describe("pull over ssh", () => {
  test("without the beginning of names: what came is verified by its content, and restored", async () => {
    const { from, to, data, client } = await pullSetup({
      source: { send: { compressed: true, embedded_data: true, large_blocks: true, send_properties: true } },
      pull: { recv: { placeholder: { encryption: "inherit" }, strip_prefix: 1 } },
    });
    await zfs("create", "-o", "recordsize=1M", "-o", "compression=lz4", data);
    await zfs("create", `${data}/a`);
    writeFileSync(join(from.dir, "mnt/data/large"), randomBytes(5 << 20));
    writeFileSync(join(from.dir, "mnt/data/text"), "the same line\n".repeat(100_000));
    for (let i = 0; i < 50; i++) writeFileSync(join(from.dir, `mnt/data/a/small ${i}`), "x".repeat(i));
    await zfs("snapshot", "-r", `${data}@one`);
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    writeFileSync(join(from.dir, "mnt/data/a/small 7"), randomBytes(3000));
    await zfs("snapshot", "-r", `${data}@two`);
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    expect(await guid(`${to.name}/pulled/data/a@two`)).toBe(await guid(`${data}/a@two`));
    const ended = await zreplRun(client, "verify", "pull", "--data", "--sample", "100%");
    expect(ended.output).toContain("content of 4 snapshots identical");
    expect(ended.exitCode, ended.output).toBe(0);
    expect((await zreplRun(client, "restore", "pull", "--list")).output).toContain("*/data/a");
    const restore = ["restore", "pull", "--filesystem", `${data}/a`, "--to", `${to.name}/again`];
    expect(await zreplRun(client, ...restore)).toMatchObject({ exitCode: 0 });
    expect(await guid(`${to.name}/again@two`)).toBe(await guid(`${data}/a@two`));

    // back to where it was, by the commands that are shown
    const original = await guid(`${data}/a@two`);
    await zfs("destroy", "-r", `${data}/a`);
    const shown = await zreplRun(client, "restore", "pull", "--filesystem", `${data}/a`);
    expect(shown.exitCode).toBe(2);
    const [transfer = "", adoption = ""] = shown.output.split("\n    ").slice(1);
    const bin = join(to.dir, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "ssh"), '#!/bin/sh\nfor last; do :; done; exec sh -c "$last"\n', { mode: 0o755 });
    await execa("sh", ["-c", transfer], { env: { PATH: `${bin}:${process.env["PATH"]}` } });
    expect(await guid(`${data}/a@two`)).toBe(original);
    const [, ...words] = adoption.trim().split(" ");
    expect(await zreplRun(client, ...words)).toMatchObject({ exitCode: 0 });
    await zfs("snapshot", `${data}/a@three`);
    expect((await zreplRun(client, "pull", "pull", "--json")).output).toContain('"from":"@two"');
  });

  test("a replica that plain zfs send and recv made is adopted, and the first pull is incremental", async () => {
    const { from, to, data, received, client } = await pullSetup();
    await zfs("create", data);
    await zfs("snapshot", `${data}@old`);
    await zfs("snapshot", `${data}@common`);
    await zfs("create", "-o", "mountpoint=none", `${to.name}/pulled/${from.name}`);
    const { stdout } = await execa("zfs", ["send", `${data}@common`], { encoding: "buffer" });
    await execa("zfs", ["recv", "-u", received], { input: stdout });
    expect((await zreplRun(client, "adopt", "pull", "--dry-run")).output).toContain("would be adopted at @common");
    expect(await zreplRun(client, "adopt", "pull")).toMatchObject({ exitCode: 0 });
    expect(await zfs("holds", "-H", `${received}@common`)).toContain("zrepl_last_received_J_pull");
    expect(await zfs("list", "-Hpo", "name", "-t", "bookmark", data)).toMatch(/#zrepl_CURSOR_G_[0-9a-f]+_J_source$/);
    await zfs("snapshot", `${data}@new`);
    const { output } = await zreplRun(client, "pull", "pull", "--json");
    expect(output).toContain('"from":"@common"');
    expect(await snapshotsOf(received)).toEqual(["common", "new"]);
  });

  test("initial, incremental, large and small, prune on both sides", async () => {
    const { from, data, received, client, host } = await pullSetup({ noise: "Welcome!\\nno newline at the end: " });
    await zfs("create", data);
    for (const child of ["a", "b", "secret"]) await zfs("create", `${data}/${child}`);
    writeFileSync(join(from.dir, "mnt/data/a/large"), Buffer.alloc(8 << 20, 7));
    await zfs("snapshot", "-r", `${data}@one`);
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/a", "/b"])
      expect(await guid(`${received}${child}@one`)).toBe(await guid(`${data}${child}@one`));
    await expect(zfs("list", `${received}/secret`)).rejects.toThrow("does not exist");
    expect(host.sessions()).toBe(2);
    await zfs("snapshot", "-r", `${data}@two`);
    await sleep(1100); // keep rules go by the second
    writeFileSync(join(from.dir, "mnt/data/b/large"), Buffer.alloc(8 << 20, 8));
    await zfs("snapshot", "-r", `${data}@three`);
    expect(await zreplRun(client, "run", "pull")).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/a", "/b"]) {
      expect(await guid(`${received}${child}@three`)).toBe(await guid(`${data}${child}@three`));
      expect(await snapshotsOf(`${data}${child}`)).toEqual(["three"]);
      expect(await snapshotsOf(`${received}${child}`)).toEqual(["three"]);
    }
    expect(await snapshotsOf(`${data}/secret`)).toEqual(["one", "two", "three"]);
  });

  test("an interrupted transfer is resumed; the source limits the bandwidth", async () => {
    const slow = { send: { bandwidth_limit: { max: "4 MiB" } } };
    const { from, data, received, client } = await pullSetup({ source: slow });
    await zfs("create", data);
    writeFileSync(join(from.dir, "mnt/data/large"), Buffer.alloc(32 << 20, 7));
    await zfs("snapshot", `${data}@one`);
    const child = startZreplRun(client, "pull", "pull");
    await receivedBytes(received, 4 << 20);
    child.kill("SIGTERM");
    expect((await child).exitCode).toBe(143);
    const token = await zfs("get", "-Hpo", "value", "receive_resume_token", received);
    expect(token).toMatch(/^1-/);
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    expect(await guid(`${received}@one`)).toBe(await guid(`${data}@one`));
  });

  test("a source that forbids it can't be pruned, nor read", async () => {
    const { data, client } = await pullSetup({ source: { permissions: { prune: false, send: false } } });
    await zfs("create", data);
    await zfs("snapshot", `${data}@one`);
    await zfs("snapshot", `${data}@two`);
    const pull = await zreplRun(client, "pull", "pull");
    expect(pull.output).toContain("does not allow its clients to read anything");
    expect(pull.exitCode).toBe(1);
    await zreplRun(client, "prune", "pull", "--side", "sender");
    expect(await snapshotsOf(data)).toEqual(["one", "two"]);
  });
});
