import { spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFrame, streamSource } from "../../src/remote/byte-source.ts";
import { clientGreeting, encodeFrame } from "../../src/remote/wire.ts";
import { trackPools, zfs } from "./pool.ts";
import { program, writeConfig } from "./ssh-host.ts";

const newPool = trackPools("all");

/** A `stdinserver` that serves `mallory`, with real ZFS behind it, and no client of ours before it. */
class Victim {
  readonly #child;
  readonly #source;
  #nextId = 1;

  constructor(config: string, hello: object = {}) {
    this.#child = spawn(process.execPath, [program, "-c", config, "stdinserver", "mallory"]);
    this.#child.stdin.on("error", () => undefined);
    this.#source = streamSource(this.#child.stdout);
    const session = "0".repeat(32);
    const full = { role: "sink", session, driver: "evil", keepAliveSec: 30, lockWaitSec: 0, ...hello };
    this.#child.stdin.write(Buffer.concat([clientGreeting(), encodeFrame({ hello: full })]));
  }

  /** The welcome, or the error. */
  async greeted(): Promise<Record<string, unknown>> {
    let text = "";
    while (!/^ZREPL-RUN SERVER.*\n$/m.test(text)) text += (await this.#source.readExactly(1))?.toString();
    return (await readFrame(this.#source))?.header ?? {};
  }

  async ask(call: string, args: object, payload?: Buffer): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    this.#child.stdin.write(encodeFrame({ id, call, args }, payload));
    for (;;) {
      const frame = await readFrame(this.#source);
      if (frame === undefined) return { closed: true };
      if (frame.header["id"] === id && frame.header["items"] === undefined) return frame.header;
    }
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await new Promise((resolve) => this.#child.once("exit", resolve));
  }
}

async function setup(more: object = {}) {
  const pool = await newPool({ mountpoint: true });
  await zfs("create", "-o", "mountpoint=none", `${pool.name}/sink`);
  await zfs("create", `${pool.name}/sink/bob`);
  await zfs("create", `${pool.name}/sink/bob/data`);
  await zfs("create", `${pool.name}/sink/mallory`);
  await zfs("create", `${pool.name}/sink/mallory/backup`);
  for (const fs of ["bob/data", "mallory/backup"])
    for (const s of ["one", "two"]) await zfs("snapshot", `${pool.name}/sink/${fs}@${s}`);
  const config = writeConfig(pool.dir, "server", {
    global: { lock_dir: join(pool.dir, "lock") },
    jobs: [
      {
        type: "sink",
        name: "sink",
        root_fs: `${pool.name}/sink`,
        serve: { type: "stdinserver", client_identities: ["mallory"] },
        recv: { placeholder: { encryption: "inherit" } },
        ...more,
      },
    ],
  });
  const all = () => zfs("list", "-Hpr", "-t", "all", "-o", "name,guid", pool.name);
  const version = async (snapshot: string) => {
    const [guid, createtxg] = (await zfs("get", "-Hpo", "value", "guid,createtxg", snapshot)).split("\n");
    return { kind: "snapshot", name: snapshot.split("@")[1], guid, createtxg, creationSec: 1, userrefs: 0 };
  };
  return { pool, config, all, version };
}

describe("a hostile client", () => {
  test("of an append-only sink can't destroy, roll back, rename or overwrite", async () => {
    const { pool, config, all, version } = await setup({ permissions: { prune: false } });
    const before = await all();
    const victim = new Victim(config);
    expect(await victim.greeted()).toMatchObject({ welcome: { permissions: { prune: false } } });
    const [one, two] = [
      await version(`${pool.name}/sink/mallory/backup@one`),
      await version(`${pool.name}/sink/mallory/backup@two`),
    ];
    const refused = { error: { message: expect.stringContaining("does not allow its clients to destroy") } };
    expect(
      await victim.ask("destroySnapshots", { requests: [{ filesystem: "backup", snapshots: [one] }] }),
    ).toMatchObject(refused);
    expect(await victim.ask("rollback", { filesystem: "backup", to: one, destroys: [two] })).toMatchObject(refused);
    expect(await victim.ask("setAside", { filesystem: "backup", suffix: ".gone" })).toMatchObject(refused);
    const step = {
      filesystem: "backup",
      type: "filesystem",
      to: { ...two, name: "evil" },
      via: [],
      guarantee: "guarantee_nothing",
    };
    expect(await victim.ask("receive", { step }, Buffer.from("not a stream"))).toMatchObject({
      error: { name: "ZfsCommandError" },
    });
    await victim.end();
    expect(await all()).toBe(before);
  });

  test("reaches nothing outside its subtree", async () => {
    const { pool, config, all, version } = await setup();
    const before = await all();
    const victim = new Victim(config);
    await victim.greeted();
    const one = await version(`${pool.name}/sink/bob/data@one`);
    for (const filesystem of [
      "../bob/data",
      "bob/data",
      "/bob/data",
      "backup/../../bob/data",
      `${pool.name}/sink/bob/data`,
      "backup@one",
      "-r",
      "",
    ]) {
      const answer = await victim.ask("destroySnapshots", { requests: [{ filesystem, snapshots: [one] }] });
      if (answer["closed"] === true) throw new Error("closed");
    }
    await victim.end();
    expect(await all()).toBe(before);
  });

  test("can't ask for another client's job, or as nobody", async () => {
    const { config } = await setup();
    const victim = new Victim(config, { role: "source" });
    expect(await victim.greeted()).toMatchObject({
      error: { message: expect.stringContaining("no source job here serves") },
    });
    await victim.end();
  });

  test("can't bring properties, replication streams or too many filesystems", async () => {
    const { pool, config } = await setup({ max_filesystems: 3 });
    const evil = `${pool.name}/evil`;
    await zfs(
      "create",
      "-o",
      "mountpoint=/etc/evil",
      "-o",
      "setuid=on",
      "-o",
      "exec=on",
      "-o",
      "devices=on",
      "-o",
      "canmount=noauto",
      evil,
    );
    await zfs("create", `${evil}/child`);
    await zfs("snapshot", "-r", `${evil}@s`);
    await zfs("set", "setuid=off", "exec=off", "devices=off", `${pool.name}/sink`);
    const stream = async (...args: string[]) => {
      const file = join(pool.dir, "stream");
      const out = openSync(file, "w");
      await new Promise((resolve) =>
        spawn("sh", ["-c", `zfs send ${args.join(" ")} | cat`], { stdio: ["ignore", out, "inherit"] }).once(
          "exit",
          resolve,
        ),
      );
      return readFileSync(file);
    };
    const [guid, createtxg] = (await zfs("get", "-Hpo", "value", "guid,createtxg", `${evil}@s`)).split("\n");
    const to = { kind: "snapshot", name: "s", guid, createtxg, creationSec: 1, userrefs: 0 };
    const step = { filesystem: "data", type: "filesystem", to, via: [], guarantee: "guarantee_nothing" };
    const victim = new Victim(config);
    await victim.greeted();
    expect(await victim.ask("receive", { step }, await stream("-R", `${evil}@s`))).toMatchObject({ error: {} });
    await expect(zfs("list", `${pool.name}/sink/mallory/data`)).rejects.toThrow("does not exist");
    expect(await victim.ask("receive", { step }, await stream("-p", `${evil}@s`))).toEqual({ id: 2 });
    const received = `${pool.name}/sink/mallory/data`;
    expect(await zfs("get", "-Hpo", "value", "mountpoint,setuid,exec,devices", received)).toBe(
      ["none", "off", "off", "off"].join("\n"),
    );
    const more = (filesystem: string) => victim.ask("receive", { step: { ...step, filesystem } }, Buffer.alloc(0));
    expect(await more("a/b/c")).toMatchObject({ error: { message: expect.stringContaining("may have 3") } });
    await victim.end();
  });
});
