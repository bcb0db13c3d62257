import { destroyProblem } from "./cmd-destroy.ts";
import { addSnapshot, snapshotProblem } from "./cmd-snapshot.ts";
import { bookmarkOf, dropSnapshot, reapDeferred } from "./content.ts";
import { findDataset, findSnapshot } from "./lookup.ts";
import { nameProblem, splitName } from "./names.ts";
import { parseOptions } from "./options.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import { type Pool, syncTxg, type World } from "./world.ts";

/** What a simulated channel program may do: the calls of `zfs.sync`, each giving an errno, all in one txg. */
export interface ProgramApi {
  snapshot(name: string): number;
  bookmark(source: string, name: string): number;
  destroy(name: string): number;
  /** `zfs.get_prop(name, "guid")`, as an unsigned decimal; undefined = no such snapshot. */
  guid(name: string): string | undefined;
}

/** Stands for a Lua script: gets the arguments, returns what the script returns. */
export type ProgramHandler = (api: ProgramApi, args: readonly string[]) => unknown;

/** Scripts by the comment in their first line, such as `-- zrepl-run: destroy`. */
export type ProgramRegistry = Readonly<Record<string, ProgramHandler>>;

const ERRNO: Readonly<Record<string, number>> = {
  "permission denied": 1,
  "dataset is busy": 16,
  "snapshot is cloned": 17,
  "dataset already exists": 17,
};

/** zfs.sync.destroy takes a missing snapshot for success; bookmarks it cannot destroy. */
function destroyMissing(world: World, name: string): number {
  if (name.includes("@")) return 0;
  return findDataset(world, name) === undefined ? 2 : 16;
}

/** zfs.sync.* on the world. Numbers are errno values: 2 missing, 11 twice in this txg, 16 held, 17 exists or cloned, 18 other pool. */
export function programApi(world: World, pool: Pool): ProgramApi {
  const txg = syncTxg(pool);
  return {
    guid: (name) => findSnapshot(world, name)?.snapshot.guid,
    snapshot: (name) => {
      const { fs, tail } = splitName(name);
      const dataset = findDataset(world, fs);
      if (nameProblem(name, { snapshot: true }) !== undefined) return 22;
      if (dataset === undefined) return 2;
      if (dataset.name.split("/", 1)[0] !== pool.name) return 18;
      if (dataset.snapshots.some((snapshot) => snapshot.createtxg === txg)) return 11;
      const problem = snapshotProblem(dataset, tail);
      if (problem !== undefined) return ERRNO[problem] ?? 22;
      addSnapshot(world, dataset, tail, txg);
      return 0;
    },
    bookmark: (source, name) => {
      const found = findSnapshot(world, source);
      const { fs, tail } = splitName(name);
      if (found === undefined) return 2;
      if (found.dataset.name !== fs) return 22;
      if (found.dataset.bookmarks.some((bookmark) => bookmark.name === tail)) return 17;
      found.dataset.bookmarks.push(bookmarkOf(found.dataset, found.snapshot, tail));
      return 0;
    },
    destroy: (name) => {
      const found = findSnapshot(world, name);
      if (found === undefined) return destroyMissing(world, name);
      const problem = destroyProblem(pool, found.snapshot, false);
      if (problem !== undefined) return ERRNO[problem] ?? 22;
      dropSnapshot(found.dataset, found.snapshot);
      reapDeferred(pool);
      return 0;
    },
  };
}

/** `zfs program [-jn] POOL FILE ARG…`; `read` gives the script's text. */
export function cmdProgram(
  world: World,
  args: readonly string[],
  registry: ProgramRegistry,
  read: (file: string) => string,
): Result {
  const { operands } = parseOptions("zfs program", "njt:m:", args);
  const [poolName, file, ...rest] = operands;
  if (poolName === undefined || file === undefined) fail(usage("zfs program"), 2);
  const pool = world.pools[poolName];
  if (pool === undefined) fail(`cannot open '${poolName}': no such pool\ncannot open pool '${poolName}'`);
  if (world.user !== "root")
    fail("Channel program execution failed:\nPermission denied. Channel programs must be run as root.");
  const marker = read(file).split("\n", 1)[0] ?? "";
  const handler = registry[marker];
  // from stdin, and there was none: like a zfs that can't run it, so that the caller falls back
  if (handler === undefined && marker === "") fail("Channel program execution failed:\nempty script.");
  if (handler === undefined) throw new Error(`no simulated channel program for ${JSON.stringify(marker)}`);
  const value = handler(programApi(world, pool), rest);
  return ok(JSON.stringify({ return: value }));
}
