import { ZfsCommandError } from "./errors.ts";
import type { Runner } from "./runner.ts";

/**
 * Takes snapshots (`fs@name`) of filesystems of one pool, all in the same txg or none.
 * @param properties user properties to set on each
 * @throws {ZfsCommandError} when none was taken
 */
export async function takeSnapshots(
  runner: Runner,
  snapshots: readonly string[],
  properties: Readonly<Record<string, string>> = {},
): Promise<void> {
  const settings = Object.entries(properties).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const argv = ["zfs", "snapshot", ...settings, ...snapshots];
  const result = await runner.run(argv);
  if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
}
