/** Pruning's effect on this host's ZFS: only what still has the listed guid is destroyed; what is in use is kept. */

import { destroySnapshots } from "../zfs/destroy.ts";
import type { ZfsCommandError } from "../zfs/errors.ts";
import { identifyVersions } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import type { DestroyFailure, DestroyRequest } from "./endpoint.ts";

/** `nameOf` maps a request's filesystem to this host's name for it. */
export async function destroyVerified(
  runner: Runner,
  requests: readonly DestroyRequest[],
  nameOf: (filesystem: string) => string,
): Promise<DestroyFailure[]> {
  const names = requests.flatMap(({ filesystem, snapshots }) =>
    snapshots.map(({ name }) => `${nameOf(filesystem)}@${name}`),
  );
  const present = await identifyVersions(runner, names);
  const failures: DestroyFailure[] = [];
  for (const { filesystem, snapshots } of requests) {
    const dataset = nameOf(filesystem);
    const same: FilesystemVersion[] = [];
    for (const snapshot of snapshots) {
      if (snapshot.kind !== "snapshot") throw new Error(`version ${JSON.stringify(snapshot.name)} is not a snapshot`);
      const guid = present.get(`${dataset}@${snapshot.name}`)?.guid;
      if (guid === snapshot.guid) same.push(snapshot);
      else if (guid !== undefined)
        failures.push({ filesystem, snapshot, outcome: "replaced", message: "another snapshot has this name now" });
    }
    const failed = await destroySnapshots(
      runner,
      dataset,
      same.map(({ name }) => name),
    );
    for (const snapshot of same) {
      const error = failed.get(snapshot.name);
      if (error !== undefined)
        failures.push({ filesystem, snapshot, outcome: outcomeOf(error), message: error.message });
    }
  }
  return failures;
}

function outcomeOf(error: ZfsCommandError): "kept" | "failed" {
  return error.reason === "held" || error.reason === "busy" || error.reason === "has-clones" ? "kept" : "failed";
}
