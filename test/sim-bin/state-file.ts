import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { stopReceivers } from "../sim/recv-abort.ts";
import { createWorld, type World } from "../sim/world.ts";

const WAIT_MS = 2;
/** Longer than anything under the lock takes. */
const GIVE_UP_MS = 20_000;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const sleep = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

function readOwner(lock: string): number | undefined {
  try {
    return Number(readFileSync(lock, "utf8"));
  } catch {
    return undefined;
  }
}

/** Takes over the lock of a process that was killed; by rename, so that of several only one does. */
function breakDeadLock(lock: string): void {
  const owner = readOwner(lock);
  if (owner === undefined || isAlive(owner)) return;
  const grave = `${lock}.dead.${process.pid}`;
  try {
    renameSync(lock, grave);
    if (readOwner(grave) !== owner) linkSync(grave, lock); // somebody else was faster, and this is their lock
    rmSync(grave);
  } catch {
    return; // somebody else was faster
  }
}

/** The lock appears together with its owner's number: there is no moment at which it says nothing. */
function tryLock(lock: string): boolean {
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    linkSync(mine, lock);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(mine);
  }
}

function acquire(lock: string): void {
  const start = Date.now();
  while (!tryLock(lock)) {
    breakDeadLock(lock);
    if (Date.now() - start > GIVE_UP_MS) throw new Error(`cannot lock ${lock}`);
    sleep(WAIT_MS);
  }
}

/** The world that all look-alike programs share: a JSON file, changed only under a lock. */
export class StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `body` alone on the current world; what it changes is stored, also when it throws. */
  update<T>(body: (world: World) => T): T {
    const lock = `${this.#path}.lock`;
    acquire(lock);
    try {
      const world = this.#load();
      try {
        return body(world);
      } finally {
        this.#store(world);
      }
    } finally {
      rmSync(lock);
    }
  }

  #load(): World {
    const world: World = existsSync(this.#path)
      ? JSON.parse(readFileSync(this.#path, "utf8"))
      : createWorld({ seed: Date.now() % 1_000_000 });
    const fixed = process.env["ZREPL_RUN_SIM_NOW"];
    world.nowSec = fixed === undefined ? Math.floor(Date.now() / 1000) : Number(fixed);
    world.user = process.env["ZREPL_RUN_SIM_USER"] ?? "root";
    stopReceivers(world, (receiver) => !isAlive(receiver));
    return world;
  }

  #store(world: World): void {
    const temporary = `${this.#path}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(world));
    renameSync(temporary, this.#path);
  }
}
