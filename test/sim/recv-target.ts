import { isModifiedSince } from "./content.ts";
import { encryptionRootOf, isKeyAvailable } from "./encryption.ts";
import { findDataset } from "./lookup.ts";
import { checkName, parentName, splitName } from "./names.ts";
import { isPermitted } from "./permissions.ts";
import { fail } from "./result.ts";
import type { Substream } from "./stream.ts";
import type { Dataset, Snapshot, World } from "./world.ts";

/** Options of `zfs receive`. */
export interface ReceiveOptions {
  readonly resumable: boolean;
  readonly force: boolean;
  readonly noMount: boolean;
  readonly verbose: boolean;
  readonly dryRun: boolean;
  /** -o, in order. */
  readonly overrides: readonly (readonly [string, string])[];
  /** -x */
  readonly excluded: readonly string[];
  /** FS or FS@SNAP. */
  readonly target: string;
}

/** Where a substream goes, after the checks that libzfs makes. */
export interface ReceiveTarget {
  readonly fs: string;
  readonly snap: string;
  readonly existing: Dataset | null;
  /** First part of every error message, such as `cannot receive incremental stream`. */
  readonly what: string;
  /** The stream makes a new filesystem (full or clone, not resumed). */
  readonly wantsNew: boolean;
}

/** What the kernel says when it refuses to begin, as an errno name. */
export type KernelProblem =
  | { readonly errno: "ENODEV" | "ETXTBSY" | "EEXIST" | "EBUSY" | "EINVAL" | "EACCES" | "EPERM" }
  | { readonly errno: null; readonly from: Snapshot | null };

function what(substream: Substream, wantsNew: boolean): string {
  if (wantsNew) return "cannot receive new filesystem stream";
  return substream.resume === null ? "cannot receive incremental stream" : "cannot receive resume stream";
}

function checkExisting(
  existing: Dataset,
  target: Omit<ReceiveTarget, "existing">,
  substream: Substream,
  force: boolean,
): void {
  const newest = existing.snapshots[0];
  if (target.wantsNew && !force)
    fail(`${target.what}: destination '${target.fs}' exists\nmust specify -F to overwrite it`);
  if (target.wantsNew && newest !== undefined)
    fail(
      `${target.what}: destination has snapshots (eg. ${target.fs}@${newest.name})\nmust destroy them to overwrite it`,
    );
  if (target.wantsNew && existing.origin !== null)
    fail(`${target.what}: destination '${target.fs}' is a clone\nmust destroy it to overwrite it`);
  const encrypted = existing.encryption !== null;
  if (!target.wantsNew && !encrypted && substream.raw)
    fail(`${target.what}: cannot perform raw receive on top of existing unencrypted dataset`);
  if (target.wantsNew && (substream.raw || encrypted))
    fail(
      `${target.what}: zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one with an encrypted one`,
    );
}

function checkParent(world: World, target: Omit<ReceiveTarget, "existing">): void {
  const parent = parentName(target.fs);
  if (!target.wantsNew || parent === undefined) fail(`${target.what}: destination '${target.fs}' does not exist`);
  const dataset = findDataset(world, parent);
  if (dataset === undefined)
    fail(`cannot open '${parent}': dataset does not exist\n${target.what}: unable to restore to destination`);
  if (dataset.kind === "volume") fail(`${target.what}: parent '${parent}' is not a filesystem`);
}

/** The checks of zfs_receive_one(), in its order. Throws what the program prints. */
export function resolveTarget(world: World, substream: Substream, options: ReceiveOptions): ReceiveTarget {
  const { fs, tail } = splitName(options.target);
  const snap = tail === "" ? splitName(substream.toname).tail : tail;
  checkName(`${fs}@${snap}`, "cannot receive", { snapshot: true });
  const wantsNew = (substream.fromguid === null || substream.isClone) && substream.resume === null;
  const target = { fs, snap, wantsNew, what: what(substream, wantsNew) };
  const existing = findDataset(world, fs) ?? null;
  if (existing === null) checkParent(world, target);
  else checkExisting(existing, target, substream, options.force);
  return { ...target, existing };
}

/** A partial receive lives in the new filesystem itself or, on an existing one, beside it. */
function resumeProblem(existing: Dataset | null, substream: Substream): "EINVAL" | "EBUSY" | null {
  const partial = existing?.partial;
  if (!existing || !partial?.resumable || substream.resume === null) return "EINVAL";
  if (partial.receiver !== null) return "EBUSY";
  const { object, offset } = substream.resume;
  const matches = partial.toguid === substream.toguid && partial.object === object && partial.offset === offset;
  return matches ? null : "EINVAL";
}

function checkIncremental(existing: Dataset, substream: Substream, force: boolean): KernelProblem {
  const from = existing.snapshots.findLast((snapshot) => snapshot.guid === substream.fromguid);
  if (from === undefined) return { errno: "ENODEV" };
  const isNewest = existing.snapshots.at(-1) === from;
  if (!force && (isModifiedSince(existing, from) || (substream.raw && !isNewest))) return { errno: "ETXTBSY" };
  return { errno: null, from: force ? from : (existing.snapshots.at(-1) ?? null) };
}

/** Another receive is running into the filesystem, or was left half-done. */
function busyProblem(existing: Dataset, substream: Substream): "EBUSY" | "ENODEV" | null {
  if (existing.partial === null) return null;
  const isNew = existing.inconsistent && !existing.partial.resumable;
  return isNew && substream.fromguid !== null ? "ENODEV" : "EBUSY";
}

/** dmu_recv_begin_check() */
export function kernelCheck(
  world: World,
  target: ReceiveTarget,
  substream: Substream,
  options: ReceiveOptions,
): KernelProblem {
  const { existing } = target;
  if (!isPermitted(world, target.fs, "receive")) return { errno: "EPERM" };
  if (substream.resume !== null) {
    const errno = resumeProblem(existing, substream);
    const from = existing?.snapshots.findLast((snapshot) => snapshot.guid === substream.fromguid) ?? null;
    return errno === null ? { errno, from } : { errno };
  }
  if (existing === null) return checkNew(world, target, substream);
  const busy = busyProblem(existing, substream);
  if (busy !== null) return { errno: busy };
  if (existing.snapshots.some((snapshot) => snapshot.name === target.snap)) return { errno: "EEXIST" };
  const { pool } = { pool: world.pools[target.fs.split("/", 1)[0] ?? ""] };
  if (substream.fromguid === null || target.wantsNew) return { errno: null, from: null };
  const verdict = checkIncremental(existing, substream, options.force);
  if (verdict.errno === null && !substream.raw && pool && !isKeyAvailable(pool, existing)) return { errno: "EACCES" };
  return verdict;
}

function checkNew(world: World, target: ReceiveTarget, substream: Substream): KernelProblem {
  const parent = findDataset(world, parentName(target.fs) ?? "");
  const pool = world.pools[target.fs.split("/", 1)[0] ?? ""];
  if (parent === undefined || pool === undefined) return { errno: "EINVAL" };
  const needsKey = !substream.raw && encryptionRootOf(pool, parent) !== undefined && !isKeyAvailable(pool, parent);
  return needsKey ? { errno: "EACCES" } : { errno: null, from: null };
}
