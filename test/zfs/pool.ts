import { mkdir, mkdtemp, realpath, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, afterEach } from "vitest";

/** What a pool of ours is called; the folder of its file is `<temp>/zrtest-<pid>-XXXXXX`. */
export const poolNamePattern = /^zrtest-(\d+)-\d+$/;

export interface PoolOptions {
  /** Size of the sparse backing file. Blocks get real when written: in a guest, the temp folder is memory. */
  sizeMiB?: number;
  /** Where the root filesystem is mounted; `true`: in the pool's own temp folder. Default: `mountpoint=none`. */
  mountpoint?: string | true;
  /** More arguments for `zpool create`, such as `["-O", "compression=off"]`. */
  args?: string[];
}

export interface TestPool extends AsyncDisposable {
  name: string;
  /** Private temp folder that holds the backing file; free for the test's own files, gone after `destroy()`. */
  dir: string;
  /** Undefined with `mountpoint=none`. */
  mountpoint: string | undefined;
  destroy(): Promise<void>;
}

const env = { LC_ALL: "C" };

/** Runs zfs and resolves to its stdout; the rejection's message has zfs's stderr. */
export async function zfs(...args: string[]): Promise<string> {
  return (await execa("zfs", args, { env, stdin: "ignore" })).stdout;
}

/** Runs zpool and resolves to its stdout; the rejection's message has zpool's stderr. */
export async function zpool(...args: string[]): Promise<string> {
  return (await execa("zpool", args, { env, stdin: "ignore" })).stdout;
}

/** `zfs send SENDARGS | zfs recv RECVARGS`; rejects when either fails. */
export async function sendReceive(sendArgs: string[], recvArgs: string[]): Promise<void> {
  const send = execa("zfs", ["send", ...sendArgs], { env, stdin: "ignore", buffer: { stdout: false } });
  await send.pipe("zfs", ["recv", ...recvArgs], { env });
}

let created = 0;

/** Creates a pool on a file of its own. Whoever calls this calls `destroy()`: see `trackPools`. */
export async function createPool(options: PoolOptions = {}): Promise<TestPool> {
  const name = `zrtest-${process.pid}-${++created}`;
  const dir = await mkdtemp(join(await realpath(tmpdir()), `zrtest-${process.pid}-`));
  const mountpoint = options.mountpoint === true ? join(dir, "mnt") : options.mountpoint;
  const file = join(dir, "vdev");
  const destroy = async () => {
    await destroyPool(name, dir);
    await removeFolder(dir);
  };
  try {
    if (mountpoint !== undefined) await mkdir(mountpoint, { recursive: true });
    await writeFile(file, "");
    await truncate(file, (options.sizeMiB ?? 512) * 1024 * 1024);
    // cachefile=none: nothing of this pool outlives it in the host's /etc/zfs
    const settings = ["-o", "cachefile=none", "-O", `mountpoint=${mountpoint ?? "none"}`];
    await zpool("create", ...settings, ...(options.args ?? []), name, file);
  } catch (error) {
    await destroy();
    throw error;
  }
  return { name, dir, mountpoint, destroy, [Symbol.asyncDispose]: destroy };
}

/**
 * Returns a `createPool` whose pools are destroyed after each test, also a failed one; with "all" after all tests of
 * the file or `describe` block that called this.
 */
export function trackPools(until: "each" | "all" = "each"): typeof createPool {
  const pools: TestPool[] = [];
  const register = until === "each" ? afterEach : afterAll;
  register(async () => {
    const ours = pools.splice(0);
    // all pools before any folder: a filesystem of one pool may be mounted in the folder of another
    const results = await Promise.allSettled(ours.map(({ name, dir }) => destroyPool(name, dir)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await Promise.all(ours.map(({ dir }) => removeFolder(dir)));
  });
  return async (options) => {
    const pool = await createPool(options);
    pools.push(pool);
    return pool;
  };
}

/** Names of the imported pools that look like ours, whoever made them. */
export async function listTestPools(): Promise<string[]> {
  const names = (await zpool("list", "-H", "-o", "name")).split("\n");
  return names.filter((name) => poolNamePattern.test(name));
}

/** The folder of a pool's backing files, or undefined if they are not all in one folder. */
export async function backingDir(pool: string): Promise<string | undefined> {
  const rows = (await zpool("list", "-H", "-v", "-P", pool))
    .split("\n")
    .map((line) => line.trim().split("\t")[0] ?? "");
  const dirs = new Set(rows.filter((row) => row.startsWith("/")).map(dirname));
  return dirs.size === 1 ? [...dirs][0] : undefined;
}

/** Destroys the pool `name` if its files are in `dir`. A test may have exported or destroyed it. */
export async function destroyPool(name: string, dir: string): Promise<void> {
  if (!(await listTestPools()).includes(name)) return;
  const actual = await backingDir(name);
  if (actual !== dir) throw new Error(`pool ${name} is on ${actual}, not on ${dir}: not ours to destroy`);
  await destroyWhenIdle(name);
}

/** Removes a pool's folder, after the pool. */
export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}

/** A process that a test has just killed may hold the pool for a moment. */
async function destroyWhenIdle(name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await zpool("destroy", "-f", name);
      return;
    } catch (error) {
      if (attempt === 50 || !String(error).includes("busy")) throw error;
      await sleep(200);
    }
  }
}
