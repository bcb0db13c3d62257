/** Destroying snapshots in batches, one process per filesystem where nothing stands in the way (zrepl-behaviour.md §5.5). */
import { chunkArguments } from "./argv.ts";
import { ZfsCommandError } from "./errors.ts";
import type { Runner } from "./runner.ts";

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
  const result = await runner.run(argv);
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
