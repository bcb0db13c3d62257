/**
 * Locks between invocations: proper-lockfile's heartbeat and release, our own takeover (house-style.md §6: the library's
 * can hand one lock to two processes). A lock is a directory that names its owner from the moment it exists; one whose
 * owner is provably dead is taken over at once, so that a run after `kill -9` never waits.
 */
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import lockfile from "proper-lockfile";
import { FailedError, LockedError } from "./errors.ts";
import { isProvablyDead, type LockOwner, thisProcess } from "./lock-owner.ts";

const HEARTBEAT_MS = 5_000;
const POLL_MS = 250;
const OWNER_FILE = "owner.json";

export interface LockOptions {
  /** Created with mode 0700 if missing. */
  readonly dir: string;
  /** What is locked, e.g. `job-prod`; becomes a file name. */
  readonly name: string;
  /** For the message of whoever finds the lock held. */
  readonly command: string;
  /** Seconds to wait for a held lock; 0 = don't. */
  readonly waitSec: number;
  readonly signal: AbortSignal;
  /** Called when somebody removed or took our lock: stop at once. */
  readonly onLost: (error: Error) => void;
}

/**
 * Runs `body` while holding the lock.
 * @throws {LockedError} when another invocation holds it, after waiting as long as asked
 */
export async function withLock<T>(options: LockOptions, body: () => Promise<T>): Promise<T> {
  createDirectory(options.dir);
  const path = lockPath(options);
  let lost = false;
  const release = await acquire(path, options, (error) => {
    lost = true;
    options.onLost(error);
  });
  try {
    return await body();
  } finally {
    if (!lost) await release();
  }
}

/** Who holds a lock now; undefined = nobody, or nobody who is alive. */
export function lockOwner(lock: Pick<LockOptions, "dir" | "name">): LockOwner | undefined {
  const path = lockPath(lock);
  const owner = readOwner(join(path, OWNER_FILE));
  return owner === undefined || isProvablyDead(owner, heartbeatAgeSec(path)) ? undefined : owner;
}

/** The directory that is a lock while it exists. */
export function lockPath({ dir, name }: Pick<LockOptions, "dir" | "name">): string {
  return join(dir, `${name.replaceAll(/[^\w.:-]/g, "_")}.lock`);
}

function createDirectory(dir: string): void {
  try {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new FailedError(`cannot create the lock directory ${dir}: ${String(error)}`, {
      cause: error,
      hint: "set global.lock_dir to a directory that this user can write to",
    });
  }
}

async function acquire(
  path: string,
  options: LockOptions,
  onLost: (error: Error) => void,
): Promise<() => Promise<void>> {
  const deadlineMs = performance.now() + options.waitSec * 1000;
  for (;;) {
    options.signal.throwIfAborted();
    try {
      return await lockfile.lock(path, {
        lockfilePath: path,
        realpath: false,
        retries: 0,
        stale: Number.POSITIVE_INFINITY, // never let the library reclaim
        update: HEARTBEAT_MS,
        fs: ownedDirectories(options.command),
        onCompromised: (error) => onLost(new FailedError(`lost the lock ${path}`, { cause: error })),
      });
    } catch (error) {
      if (!isCode(error, "ELOCKED")) throw new FailedError(`cannot lock ${path}: ${String(error)}`, { cause: error });
    }
    if (buryDeadLock(path)) continue;
    if (performance.now() >= deadlineMs)
      throw new LockedError(heldBy(path), { hint: "wait for it with --lock-wait DURATION" });
    await delay(Math.min(POLL_MS, Math.max(1, deadlineMs - performance.now())), undefined, {
      signal: options.signal,
    }).catch(() => undefined);
  }
}

/**
 * node:fs as proper-lockfile wants it, with a mkdir that makes the directory and the owner's name appear in one step
 * (rename onto a directory that is not empty fails), and an rmdir that takes both away in one.
 */
function ownedDirectories(command: string): typeof fs {
  return {
    ...fs,
    mkdir: (path: string, done: (error: NodeJS.ErrnoException | null) => void) => {
      try {
        const fresh = sibling(path, "new");
        fs.mkdirSync(fresh, { mode: 0o700 });
        fs.writeFileSync(join(fresh, OWNER_FILE), JSON.stringify(thisProcess(command)));
        try {
          fs.renameSync(fresh, path);
        } catch (error) {
          fs.rmSync(fresh, { recursive: true });
          throw isCode(error, "ENOTEMPTY") ? Object.assign(new Error("held"), { code: "EEXIST" }) : error;
        }
        done(null);
      } catch (error) {
        done(error as NodeJS.ErrnoException);
      }
    },
    rmdir: (path: string, done: (error: NodeJS.ErrnoException | null) => void) => {
      try {
        removeDirectory(path);
        done(null);
      } catch (error) {
        done(error as NodeJS.ErrnoException);
      }
    },
    // proper-lockfile's at-exit hook
    rmdirSync: (path: string) => removeDirectory(path),
  } as unknown as typeof fs; // its overloads can't be met; these are the forms that proper-lockfile calls
}

function removeDirectory(path: string): void {
  const grave = sibling(path, "old");
  fs.renameSync(path, grave);
  fs.rmSync(grave, { recursive: true, force: true });
}

/**
 * Takes a dead owner's lock out of the way. Of many contenders exactly one does: who creates the claim on that very lock; a
 * claim whose maker died is followed by the next number. Claims lie beside the directory: a file in it would change its
 * time, which is the heartbeat, and make the owner of a live one believe that it lost it.
 * @returns whether it is worth trying again at once
 */
function buryDeadLock(path: string): boolean {
  const dead = deadLock(path);
  if (dead === undefined) return false;
  const claims: string[] = [];
  for (let n = 0; ; n++) {
    const claim = `${path}.claim.${dead}.${n}`;
    claims.push(claim);
    try {
      fs.writeFileSync(claim, JSON.stringify(thisProcess("takeover")), { flag: "wx" });
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
      if (!isProvablyDead(readOwner(claim), heartbeatAgeSec(claim))) return false;
      continue;
    }
    // Somebody may have buried it between the look and the claim: then there is another, or none. With the claim, nobody can.
    if (deadLock(path) === dead) removeDirectory(path);
    for (const name of claims) fs.rmSync(name, { force: true });
    return true;
  }
}

/** What tells a dead owner's lock from all others that had or will have its name; undefined = there is none. */
function deadLock(path: string): string | undefined {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  const file = join(path, OWNER_FILE);
  if (stat === undefined || !isProvablyDead(readOwner(file), heartbeatAgeSec(path))) return undefined;
  return `${stat.ino}-${createHash("sha256").update(readText(file)).digest("hex").slice(0, 16)}`;
}

function readOwner(file: string): LockOwner | undefined {
  try {
    return JSON.parse(readText(file)) as LockOwner;
  } catch {
    return undefined;
  }
}

/** Empty if there is no such file. */
function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function heartbeatAgeSec(path: string): number {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 0 : (Date.now() - stat.mtimeMs) / 1000;
}

function heldBy(path: string): string {
  const owner = readOwner(join(path, OWNER_FILE));
  const who =
    owner === undefined
      ? "another invocation"
      : `"${owner.command}" (pid ${owner.pid} on ${owner.host}, since ${owner.since})`;
  return `${who} holds the lock ${path}`;
}

let counter = 0;

function sibling(path: string, kind: string): string {
  return `${path}.${kind}.${hostname()}.${process.pid}.${counter++}.${randomBytes(4).toString("hex")}`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
