import { lstat, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { backingDir, destroyPool, listTestPools, removeFolder } from "./pool.ts";

/** Vitest's global setup: clears away what a crashed earlier run left. */
export async function setup(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("test/zfs needs root: see scripts/test-zfs.mjs");
  await removeLeftovers(await listTestPools());
}

/** Vitest's global teardown: destroys what the tests forgot, and makes the run fail for it. */
export async function teardown(): Promise<void> {
  const left = await removeLeftovers(await listTestPools());
  if (left.length === 0) return;
  process.exitCode = 1; // vitest only prints what a teardown throws
  throw new Error(`tests left pools behind: ${left.join(", ")}`);
}

/** Removes pools, and temp folders, of test processes that no longer run. Returns the names of the pools. */
async function removeLeftovers(pools: string[]): Promise<string[]> {
  const temp = await realpath(tmpdir());
  const removed: string[] = [];
  for (const pool of pools) {
    const dir = await backingDir(pool);
    if (dir === undefined || dirname(dir) !== temp || !isAbandoned(dir)) continue;
    await destroyPool(pool, dir);
    await removeFolder(dir);
    removed.push(pool);
  }
  const entries = (await readdir(temp)).map((entry) => join(temp, entry));
  for (const dir of entries.filter(isAbandoned)) {
    if ((await lstat(dir)).uid === process.getuid?.()) await rm(dir, { recursive: true });
  }
  return removed;
}

/** Whether this is the temp folder of a test process that is gone. */
function isAbandoned(dir: string): boolean {
  const pid = /\/zrtest-(\d+)-[A-Za-z0-9]{6}$/.exec(dir)?.[1];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
}
