import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stopReceivers } from "../sim/recv-session.ts";
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

/** Takes over the lock of a process that was killed. */
function breakDeadLock(lock: string): void {
  let owner = Number.NaN;
  try {
    owner = Number(readFileSync(join(lock, "pid"), "utf8"));
  } catch {
    return; // being made or removed right now
  }
  if (owner > 0 && isAlive(owner)) return;
  const grave = `${lock}.${process.pid}`;
  try {
    renameSync(lock, grave);
  } catch {
    return; // somebody else was faster
  }
  rmSync(grave, { recursive: true, force: true });
}

function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
  } catch {
    return false;
  }
  writeFileSync(join(lock, "pid"), String(process.pid));
  return true;
}

function acquire(lock: string): void {
  const start = Date.now();
  while (!tryLock(lock)) {
    breakDeadLock(lock);
    if (Date.now() - start > GIVE_UP_MS) throw new Error(`cannot lock ${lock}`);
    sleep(WAIT_MS);
  }
}

function release(lock: string): void {
  rmSync(join(lock, "pid"), { force: true });
  rmdirSync(lock);
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
      release(lock);
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
