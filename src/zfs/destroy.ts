/** Destroying snapshots in batches, one process per filesystem where nothing stands in the way (zrepl-behaviour.md §5.5). */
import { chunkArguments } from "./argv.ts";
import { ZfsCommandError } from "./errors.ts";
import type { CommandResult, Runner } from "./runner.ts";

/**
 * Destroys snapshots of one filesystem by name. One that is gone counts as done.
 * @returns the names that could not be destroyed → why (`held`, `busy`, `has-clones`, …)
 */
export async function destroySnapshots(
  runner: Runner,
  filesystem: string,
  names: readonly string[],
): Promise<Map<string, ZfsCommandError>> {
  const failures = new Map<string, ZfsCommandError>();
  for (const chunk of chunkArguments([...names].sort(), MAX_BATCH_BYTES))
    await destroyBatch(runner, filesystem, chunk, failures);
  return failures;
}

/** `fs@a,b,c` is one argument, and the kernel takes at most 128 KiB for one. */
const MAX_BATCH_BYTES = 100 * 1024;

/** zfs destroys all of a batch or nothing, and names (some of) those in the way. */
async function destroyBatch(
  runner: Runner,
  filesystem: string,
  names: readonly string[],
  failures: Map<string, ZfsCommandError>,
): Promise<void> {
  if (names.length === 0) return;
  const argv = ["zfs", "destroy", `${filesystem}@${names.join(",")}`];
  const result = await runUnlessTooLong(runner, argv);
  if (result === undefined) {
    const half = Math.floor(names.length / 2);
    await destroyBatch(runner, filesystem, names.slice(0, half), failures);
    await destroyBatch(runner, filesystem, names.slice(half), failures);
    return;
  }
  if (result.exitCode === 0) return;
  const error = new ZfsCommandError(argv, result);
  const [only] = names;
  if (names.length === 1 && only !== undefined) {
    if (error.reason !== "does-not-exist") failures.set(only, error);
    return;
  }
  const inTheWay = new Set(namedSnapshots(result.stderr, filesystem));
  const others = names.filter((name) => !inTheWay.has(name));
  if (inTheWay.size > 0 && others.length < names.length) {
    await destroyBatch(runner, filesystem, others, failures);
    for (const name of names) if (inTheWay.has(name)) await destroyBatch(runner, filesystem, [name], failures);
    return;
  }
  for (const name of names) await destroyBatch(runner, filesystem, [name], failures);
}

function namedSnapshots(stderr: string, filesystem: string): string[] {
  return stderr.split("\n").flatMap((line) => {
    const name = /^cannot destroy (?:snapshot )?'?(.+?)'?: /.exec(line)?.[1];
    return name?.startsWith(`${filesystem}@`) ? [name.slice(filesystem.length + 1)] : [];
  });
}

/** undefined = the kernel takes no argument of that length (E2BIG), though `MAX_BATCH_BYTES` should see to it. */
async function runUnlessTooLong(runner: Runner, argv: readonly string[]): Promise<CommandResult | undefined> {
  try {
    return await runner.run(argv);
  } catch (error) {
    const isTooLong = error instanceof Error && "code" in error && error.code === "E2BIG";
    if (isTooLong && argv.at(-1)?.includes(",") === true) return undefined;
    throw error;
  }
}

/**
 * Bytes that destroying the snapshots of one filesystem together would free (`zfs destroy -nvp`); undefined = zfs refuses to
 * tell, e.g. since one of them has clones.
 */
export async function reclaimableSpace(
  runner: Runner,
  filesystem: string,
  names: readonly string[],
): Promise<number | undefined> {
  let bytes = 0;
  for (const chunk of chunkArguments([...names].sort(), MAX_BATCH_BYTES)) {
    const { exitCode, stdout } = await runner.run(["zfs", "destroy", "-nvp", `${filesystem}@${chunk.join(",")}`]);
    const reclaim = /^reclaim\t(\d+)$/m.exec(stdout)?.[1];
    if (exitCode !== 0 || reclaim === undefined) return undefined;
    bytes += Number(reclaim);
  }
  return bytes;
}
