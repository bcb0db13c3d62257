import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { createPool, listTestPools, sendReceive, trackPools, zfs, zpool } from "./pool.ts";

/** If these fail, the machine or guest is at fault, not zrepl-run. */
describe("real OpenZFS", () => {
  const newPool = trackPools();

  test("kernel module and programs have one version", async () => {
    const [program, kernel] = (await zfs("version")).split("\n");
    expect(kernel?.replace("zfs-kmod-", "zfs-")).toBe(program);
  });

  test("snapshots, bookmarks and holds", async () => {
    const { name } = await newPool();
    const fs = `${name}/data`;
    await zfs("create", fs);
    await zfs("snapshot", `${fs}@one`);
    await zfs("bookmark", `${fs}@one`, `${fs}#one`);
    await zfs("hold", "keep", `${fs}@one`);
    await expect(zfs("destroy", `${fs}@one`)).rejects.toThrow("dataset is busy");
    await zfs("release", "keep", `${fs}@one`);
    await zfs("destroy", `${fs}@one`);
    const rows = await zfs("list", "-Hp", "-r", "-t", "filesystem,snapshot,bookmark", "-o", "name,type", fs);
    expect(rows).toBe(`${fs}\tfilesystem\n${fs}#one\tbookmark`);
  });

  test("full, incremental and bookmark-based send and receive keep data and guids", async () => {
    const from = await newPool({ mountpoint: true });
    const to = await newPool({ mountpoint: true });
    const [source, target] = [`${from.name}/data`, `${to.name}/data`];
    const snapshotWith = async (content: string, snapshot: string) => {
      writeFileSync(join(from.dir, "mnt/data/file"), content);
      await zfs("snapshot", `${source}@${snapshot}`);
    };
    await zfs("create", source);
    await snapshotWith("1", "a");
    await sendReceive([`${source}@a`], [target]);
    await snapshotWith("2", "b");
    await sendReceive(["-i", "@a", `${source}@b`], [target]);
    await zfs("bookmark", `${source}@b`, `${source}#b`);
    await snapshotWith("3", "c");
    await zfs("destroy", `${source}@b`);
    await sendReceive(["-i", "#b", `${source}@c`], ["-F", target]);
    expect(readFileSync(join(to.dir, "mnt/data/file"), "utf8")).toBe("3");
    const guid = (snapshot: string) => zfs("get", "-Hpo", "value", "guid", snapshot);
    expect(await guid(`${target}@c`)).toBe(await guid(`${source}@c`));
  });

  test("an interrupted receive leaves a resume token", async () => {
    const { name, dir } = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
    await zfs("create", `${name}/data`);
    writeFileSync(join(dir, "mnt/data/file"), Buffer.alloc(8 << 20, 1));
    await zfs("snapshot", `${name}/data@one`);
    const script = `zfs send ${name}/data@one | head -c 4000000 | zfs recv -s -u ${name}/copy`;
    await expect(execa("bash", ["-c", script])).rejects.toThrow("Partially received");
    const token = await zfs("get", "-Hpo", "value", "receive_resume_token", `${name}/copy`);
    await sendReceive(["-t", token], ["-s", "-u", `${name}/copy`]);
    expect(await zfs("list", "-Hpo", "name", "-t", "snapshot", `${name}/copy`)).toBe(`${name}/copy@one`);
  });

  test("volumes have a device, snapshots and streams", async () => {
    const { name } = await newPool();
    await zfs("create", "-V", "16M", `${name}/vol`);
    const hasDevice = async () =>
      existsSync(`/dev/zvol/${name}/vol`) || (await readdir("/dev")).some((entry) => /^zd\d+$/.test(entry));
    await expect.poll(hasDevice, { timeout: 30_000 }).toBe(true);
    await zfs("snapshot", `${name}/vol@one`);
    await sendReceive([`${name}/vol@one`], [`${name}/copy`]);
    expect(await zfs("get", "-Hpo", "value", "volsize", `${name}/copy`)).toBe(String(16 << 20));
  });
});

describe("test pools", () => {
  test("are gone with their files after disposal", async () => {
    let dir = "";
    let name = "";
    {
      await using pool = await createPool();
      ({ dir, name } = pool);
      expect(await listTestPools()).toContain(name);
    }
    expect(await listTestPools()).not.toContain(name);
    expect(existsSync(dir)).toBe(false);
  });

  test("may be exported, or destroyed, by the test", async () => {
    const exported = await createPool();
    const destroyed = await createPool();
    await zpool("export", exported.name);
    await zpool("destroy", destroyed.name);
    await exported.destroy();
    await destroyed.destroy();
    expect([existsSync(exported.dir), existsSync(destroyed.dir)]).toEqual([false, false]);
  });

  test("are not destroyed when their name is on other files", async () => {
    await using ours = await createPool();
    const other = await createPool();
    await zpool("export", ours.name);
    await zpool("export", other.name);
    await zpool("import", "-o", "cachefile=none", "-d", other.dir, other.name, ours.name);
    await expect(ours.destroy()).rejects.toThrow("not ours to destroy");
    await zpool("destroy", ours.name);
    await other.destroy();
  });

  test("say what zfs said when a command fails", async () => {
    await expect(zfs("list", "zrtest-no-such-pool")).rejects.toThrow("dataset does not exist");
  });
});
