/**
 * Bookkeeping of many filesystems in one process and one txg, by channel programs (zfs-program(8)): root only. Where they
 * can't be run, the caller does the same with plain commands.
 */
import { chunkArguments } from "./argv.ts";
import { groupByPool } from "./hold.ts";
import { poolOf } from "./name.ts";
import type { Runner } from "./runner.ts";

/** The first line is how the simulator knows it. Arguments: name, guid, name, guid, … */
const DESTROY_SCRIPT = `-- zrepl-run: guarded destroy
local argv = ...
argv = argv["argv"]
local left = {}
for i = 1, #argv, 2 do
  local name = argv[i]
  if zfs.exists(name) then
    if "g" .. tostring(zfs.get_prop(name, "guid")) ~= argv[i + 1] then
      left[name] = -1
    else
      local errno = zfs.sync.destroy(name)
      if errno ~= 0 then left[name] = errno end
    end
  end
end
return left
`;

const BOOKMARK_SCRIPT = `-- zrepl-run: bookmark
local argv = ...
argv = argv["argv"]
local errnos = {}
for i = 1, #argv do
  local from, bookmark = string.match(argv[i], "^(.-)\t(.*)$")
  errnos[argv[i]] = zfs.sync.bookmark(from, bookmark)
end
return errnos
`;

/** Thousands in one txg would hold up everybody else's writes. */
const MAX_SNAPSHOTS = 2000;
const MAX_BYTES = 400 * 1024;
/** The default of 10 MB is little for thousands of names; what is not used is not taken. */
const MEMORY_LIMIT = String(64 << 20);

export interface GuardedSnapshot {
  /** `fs@name` */
  readonly name: string;
  /** uint64 as decimal text. */
  readonly guid: string;
}

export interface WantedBookmark {
  /** `fs@name` */
  readonly from: string;
  /** `fs#name` */
  readonly bookmark: string;
}

/** From so many bookmarks on, one channel program is cheaper than a process each. */
const MIN_BOOKMARKS = 3;

/**
 * Bookmarks snapshots in one txg, where that saves processes.
 * @returns the bookmarks that were made; what is missing is for the caller to try one by one
 */
export async function bookmarkByProgram(runner: Runner, wanted: readonly WantedBookmark[]): Promise<Set<string>> {
  if (wanted.length < MIN_BOOKMARKS) return new Set();
  const byArgument = new Map(wanted.map(({ from, bookmark }) => [`${from}\t${bookmark}`, bookmark]));
  const made = new Set<string>();
  for (const pool of groupByPool([...byArgument.keys()]))
    for (const args of chunks(pool)) {
      const errnos = await runScript(runner, BOOKMARK_SCRIPT, args);
      if (errnos === undefined) return made;
      for (const arg of args) if (errnos[arg] === 0) made.add(byArgument.get(arg) ?? "");
    }
  return made;
}

/**
 * Destroys those of the snapshots that still have their guid.
 * @returns the names that are not known to be gone, for the caller to look after one by one: in use, replaced, or all of a
 * pool whose programs can't be run (not root, pool or zfs too old)
 */
export async function destroyByProgram(runner: Runner, snapshots: readonly GuardedSnapshot[]): Promise<Set<string>> {
  const guids = new Map(snapshots.map(({ name, guid }) => [name, guid]));
  const left = new Set<string>();
  let refused = false;
  for (const pool of groupByPool([...guids.keys()]))
    for (const names of chunks(pool)) {
      const remaining: readonly string[] | undefined = refused ? names : await runProgram(runner, names, guids);
      refused ||= remaining === undefined;
      for (const name of remaining ?? names) left.add(name);
    }
  return left;
}

function chunks(names: readonly string[]): string[][] {
  return chunkArguments(names, MAX_BYTES).flatMap((chunk) =>
    Array.from({ length: Math.ceil(chunk.length / MAX_SNAPSHOTS) }, (_, i) =>
      chunk.slice(i * MAX_SNAPSHOTS, (i + 1) * MAX_SNAPSHOTS),
    ),
  );
}

/** @returns what is left, or undefined if the program could not be run to its end */
async function runProgram(
  runner: Runner,
  names: readonly string[],
  guids: ReadonlyMap<string, string>,
): Promise<string[] | undefined> {
  const args = names.flatMap((name) => [name, `g${signedGuid(guids.get(name) ?? "0")}`]);
  const left = await runScript(runner, DESTROY_SCRIPT, args);
  return left === undefined ? undefined : Object.keys(left);
}

/**
 * `args` start with a name in the pool.
 * @returns the table that the script returns, or undefined if it could not be run to its end
 */
async function runScript(
  runner: Runner,
  script: string,
  args: readonly string[],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const argv = ["zfs", "program", "-j", "-m", MEMORY_LIMIT, poolOf(args[0] ?? ""), "-", ...args];
  const result = await runner.run(argv, { input: script });
  return result.exitCode === 0 ? parseTable(result.stdout) : undefined;
}

/** Lua's integers are signed there. */
function signedGuid(guid: string): string {
  return BigInt.asIntN(64, BigInt(guid)).toString();
}

/** Reads `zfs program -j`: `{"return":{"tank/a@x":16}}`. */
function parseTable(stdout: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const { return: table } = JSON.parse(stdout) as { readonly return?: Readonly<Record<string, unknown>> };
    return table ?? {};
  } catch {
    return undefined;
  }
}
