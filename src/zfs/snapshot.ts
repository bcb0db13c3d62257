import { ZfsCommandError } from "./errors.ts";
import type { Runner } from "./runner.ts";

/**
 * Takes snapshots (`fs@name`) of filesystems of one pool, all in the same txg or none.
 * @throws {ZfsCommandError} when none was taken
 */
export async function takeSnapshots(runner: Runner, snapshots: readonly string[]): Promise<void> {
  const argv = ["zfs", "snapshot", ...snapshots];
  const result = await runner.run(argv);
  if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
}
