/** Holds: many snapshots of one pool in one process each (design.md §4, group commit). */
import { chunkArguments } from "./argv.ts";
import { ZfsCommandError } from "./errors.ts";
import { poolOf } from "./name.ts";
import type { CommandResult, Runner } from "./runner.ts";

/** Snapshots (`fs@name`) on which a batch failed → why. Empty = all done. */
export type BatchFailures = ReadonlyMap<string, ZfsCommandError>;

/** How snapshots are named: one by one, or as a subtree, which needs a txg for all of them together. */
export interface SnapshotCover {
  /** What is given to `-r` → the snapshots that this means. */
  readonly recursive: ReadonlyMap<string, readonly string[]>;
  readonly single: readonly string[];
}

/** Puts `tag` on the snapshots; one that has the tag already counts as done. */
export function holdSnapshots(
  runner: Runner,
  tag: string,
  snapshots: readonly string[] | SnapshotCover,
): Promise<BatchFailures> {
  const complaint = /^cannot hold snapshot '(.+)': (.*)$/;
  return batch(runner, ["zfs", "hold"], tag, coverOf(snapshots), complaint, /tag already exists/);
}

/** Takes `tag` off the snapshots; one that has no such tag, or is gone, counts as done. */
export function releaseSnapshots(
  runner: Runner,
  tag: string,
  snapshots: readonly string[] | SnapshotCover,
): Promise<BatchFailures> {
  const complaint = /^cannot release hold from snapshot '(.+)': (.*)$/;
  const fine = /no such tag on this dataset|dataset does not exist/;
  return batch(runner, ["zfs", "release"], tag, coverOf(snapshots), complaint, fine);
}

function coverOf(snapshots: readonly string[] | SnapshotCover): SnapshotCover {
  return "single" in snapshots ? snapshots : { recursive: new Map(), single: snapshots };
}

async function batch(
  runner: Runner,
  verb: readonly string[],
  tag: string,
  { recursive, single }: SnapshotCover,
  complaint: RegExp,
  fine: RegExp,
): Promise<BatchFailures> {
  const failures = new Map<string, ZfsCommandError>();
  const command = [...verb, tag];
  const left = [...single];
  for (const pool of groupByPool([...recursive.keys()]))
    for (const chunk of chunkArguments(pool)) {
      const { exitCode } = await runner.run([...verb, "-r", tag, ...chunk]);
      // nothing is done of a subtree in which something fails: by name tells what, and does the rest
      if (exitCode !== 0) left.push(...chunk.flatMap((subtree) => recursive.get(subtree) ?? []));
    }
  for (const pool of groupByPool(left))
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
