/** Pruning's effect on this host's ZFS: only what still has the listed guid is destroyed; what is in use is kept. */

import { destroyByProgram } from "../zfs/channel-program.ts";
import { destroySnapshots, reclaimableSpace } from "../zfs/destroy.ts";
import type { ZfsCommandError } from "../zfs/errors.ts";
import { identifyVersions, listHolds } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import type { DestroyFailure, DestroyRequest } from "./endpoint.ts";

/**
 * Destroys by channel program where that saves processes and is allowed (root), and what that left by plain commands, one per
 * filesystem. `nameOf` maps a request's filesystem to this host's name for it.
 */
export async function destroyVerified(
  runner: Runner,
  requests: readonly DestroyRequest[],
  nameOf: (filesystem: string) => string,
  isRoot: boolean = process.getuid?.() === 0,
): Promise<DestroyFailure[]> {
  for (const { snapshots } of requests)
    for (const { kind, name } of snapshots)
      if (kind !== "snapshot") throw new Error(`version ${JSON.stringify(name)} is not a snapshot`);
  const fullName = (filesystem: string, name: string) => `${nameOf(filesystem)}@${name}`;
  if (!isRoot || requests.length < 2) return destroyPlainly(runner, requests, nameOf);
  const all = requests.flatMap(({ filesystem, snapshots }) =>
    snapshots.map(({ name, guid }) => ({ name: fullName(filesystem, name), guid })),
  );
  const left = await destroyByProgram(runner, all);
  const rest = requests.map(({ filesystem, snapshots }) => ({
    filesystem,
    snapshots: snapshots.filter(({ name }) => left.has(fullName(filesystem, name))),
  }));
  return destroyPlainly(
    runner,
    rest.filter(({ snapshots }) => snapshots.length > 0),
    nameOf,
  );
}

async function destroyPlainly(
  runner: Runner,
  requests: readonly DestroyRequest[],
  nameOf: (filesystem: string) => string,
): Promise<DestroyFailure[]> {
  const names = requests.flatMap(({ filesystem, snapshots }) =>
    snapshots.map(({ name }) => `${nameOf(filesystem)}@${name}`),
  );
  const present = await identifyVersions(runner, names);
  const failures: DestroyFailure[] = [];
  const inUse: string[] = [];
  for (const { filesystem, snapshots } of requests) {
    const dataset = nameOf(filesystem);
    const guidOf = (name: string) => present.get(`${dataset}@${name}`)?.guid;
    const same = snapshots.filter(({ name, guid }) => guidOf(name) === guid);
    for (const snapshot of snapshots)
      if (!same.includes(snapshot) && guidOf(snapshot.name) !== undefined)
        failures.push({ filesystem, snapshot, outcome: "replaced", message: "another snapshot has this name now" });
    const failed = await destroySnapshots(
      runner,
      dataset,
      same.map(({ name }) => name),
    );
    for (const snapshot of same) {
      const error = failed.get(snapshot.name);
      if (error === undefined) continue;
      const outcome = outcomeOf(error);
      failures.push({ filesystem, snapshot, outcome, message: error.message });
      if (outcome === "kept") inUse.push(`${dataset}@${snapshot.name}`);
    }
  }
  return inUse.length === 0 ? failures : nameHolders(runner, failures, inUse, nameOf);
}

function outcomeOf(error: ZfsCommandError): "kept" | "failed" {
  return error.reason === "held" || error.reason === "busy" || error.reason === "has-clones" ? "kept" : "failed";
}

/** zfs says only that a snapshot is busy; whose hold it is tells the operator what to do. */
async function nameHolders(
  runner: Runner,
  failures: readonly DestroyFailure[],
  inUse: readonly string[],
  nameOf: (filesystem: string) => string,
): Promise<DestroyFailure[]> {
  const tags = new Map<string, string[]>();
  for (const { snapshot, tag } of await listHolds(runner, inUse))
    tags.set(snapshot, [...(tags.get(snapshot) ?? []), tag]);
  return failures.map((failure) => {
    const held = tags.get(`${nameOf(failure.filesystem)}@${failure.snapshot.name}`);
    return failure.outcome === "kept" && held !== undefined
      ? { ...failure, message: `held by ${held.join(", ")}` }
      : failure;
  });
}

/** Bytes that destroying would free, by filesystem, without doing it; where zfs can't tell, the filesystem is absent. */
export async function reclaimableBytes(
  runner: Runner,
  requests: readonly DestroyRequest[],
  nameOf: (filesystem: string) => string,
): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for (const { filesystem, snapshots } of requests) {
    const names = snapshots.map(({ name }) => name);
    const space = await reclaimableSpace(runner, nameOf(filesystem), names);
    if (space !== undefined) bytes.set(filesystem, space);
  }
  return bytes;
}
