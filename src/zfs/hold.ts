/** Holds: many snapshots of one pool in one process each (design.md §4, group commit). */
import { chunkArguments } from "./argv.ts";
import { ZfsCommandError } from "./errors.ts";
import { poolOf } from "./name.ts";
import type { CommandResult, Runner } from "./runner.ts";

/** Snapshots (`fs@name`) on which a batch failed → why. Empty = all done. */
export type BatchFailures = ReadonlyMap<string, ZfsCommandError>;

/** Puts `tag` on the snapshots; one that has the tag already counts as done. */
export function holdSnapshots(runner: Runner, tag: string, snapshots: readonly string[]): Promise<BatchFailures> {
  return batch(runner, ["zfs", "hold", tag], snapshots, /^cannot hold snapshot '(.+)': (.*)$/, /tag already exists/);
}

/** Takes `tag` off the snapshots; one that has no such tag, or is gone, counts as done. */
export function releaseSnapshots(runner: Runner, tag: string, snapshots: readonly string[]): Promise<BatchFailures> {
  const fine = /no such tag on this dataset|dataset does not exist/;
  return batch(runner, ["zfs", "release", tag], snapshots, /^cannot release hold from snapshot '(.+)': (.*)$/, fine);
}

async function batch(
  runner: Runner,
  command: readonly string[],
  snapshots: readonly string[],
  complaint: RegExp,
  fine: RegExp,
): Promise<BatchFailures> {
  const failures = new Map<string, ZfsCommandError>();
  for (const pool of groupByPool(snapshots))
    for (const chunk of chunkArguments(pool)) {
      const argv = [...command, ...chunk];
      const result = await runner.run(argv);
      if (result.exitCode !== 0) await attribute(runner, { argv, command, chunk, complaint, fine }, result, failures);
    }
  return failures;
}

interface Batch {
  readonly argv: readonly string[];
  readonly command: readonly string[];
  readonly chunk: readonly string[];
  readonly complaint: RegExp;
  readonly fine: RegExp;
}

/** Finds out which snapshots a failed batch failed on: zfs names each, and has done the others. */
async function attribute(
  runner: Runner,
  batch: Batch,
  result: CommandResult,
  failures: Map<string, ZfsCommandError>,
): Promise<void> {
  const complaints = result.stderr.split("\n").filter((line) => line !== "");
  const named = complaints.map((line) => batch.complaint.exec(line));
  if (complaints.length > 0 && !named.includes(null)) {
    for (const match of named) {
      const [line = "", snapshot = "", reason = ""] = match ?? [];
      if (!batch.fine.test(reason))
        failures.set(snapshot, new ZfsCommandError(batch.argv, { ...result, stderr: line }));
    }
    return;
  }
  if (batch.chunk.length === 1) {
    const [snapshot = ""] = batch.chunk;
    if (!batch.fine.test(result.stderr)) failures.set(snapshot, new ZfsCommandError(batch.argv, result));
    return;
  }
  // a complaint about the whole command, e.g. a filesystem that is gone: one at a time tells them apart
  for (const snapshot of batch.chunk) {
    const argv = [...batch.command, snapshot];
    const single = await runner.run(argv);
    if (single.exitCode !== 0) await attribute(runner, { ...batch, argv, chunk: [snapshot] }, single, failures);
  }
}

/** zfs takes the snapshots of one command from one pool only. */
export function groupByPool(names: readonly string[]): string[][] {
  const pools = new Map<string, string[]>();
  for (const name of names) {
    const pool = poolOf(name);
    const group = pools.get(pool);
    if (group === undefined) pools.set(pool, [name]);
    else group.push(name);
  }
  return [...pools.values()];
}
