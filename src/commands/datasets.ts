import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Names of all filesystems and volumes of this host; undefined where ZFS is not there, or not for this user. */
export async function datasetNames(env: NodeJS.ProcessEnv): Promise<string[] | undefined> {
  // what runs programs is a third of the start-up
  if (!(env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, "zfs")))) return undefined;
  const [{ createRunner }, { listProperty }] = await Promise.all([
    import("../zfs/runner.ts"),
    import("../zfs/list.ts"),
  ]);
  const runner = createRunner({ signal: new AbortController().signal, env });
  try {
    const names = [...(await listProperty(runner, "type", [])).keys()];
    return names.length === 0 ? undefined : names;
  } catch {
    return undefined;
  }
}
