/**
 * One lock per client of a job: what changes the client's filesystems is done by one session at a time. A session whose
 * driver has come back with a new one is dead, whatever it looks like from here, and is ended.
 */
import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LockedError } from "../errors.ts";
import { clientLockName } from "../job-lock.ts";
import { lockOwner, withLock } from "../lock.ts";
import type { LockOwner } from "../lock-owner.ts";
import type { Hello } from "./handshake.ts";

export interface ClientLockOptions {
  readonly dir: string;
  readonly job: string;
  readonly identity: string;
  readonly hello: Hello;
  readonly signal: AbortSignal;
  readonly onLost: (error: Error) => void;
  readonly log: (message: string) => void;
}

/** How long a dead session may take to end its children and go. */
const END_WITHIN_MS = 15_000;
const POLL_MS = 100;

export class ClientLock {
  readonly #options: ClientLockOptions;
  #acquired: Promise<void> | undefined;
  #held: Promise<void> | undefined;
  #release: () => void = () => undefined;
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  constructor(options: ClientLockOptions) {
    this.#options = options;
  }

  /** Resolves when the lock is ours. @throws {LockedError} when another driver's session holds it */
  ensure(): Promise<void> {
    this.#acquired ??= this.#acquire();
    return this.#acquired;
  }

  async release(): Promise<void> {
    this.#release();
    await this.#held?.catch(() => undefined);
  }

  async #acquire(): Promise<void> {
    const { dir, hello, signal, onLost } = this.#options;
    const { job, identity } = this.#options;
    const name = clientLockName(job, identity);
    await this.#endFormerSession(name);
    let enter: () => void = () => undefined;
    const entered = new Promise<void>((resolve) => {
      enter = resolve;
    });
    this.#held = withLock(
      { dir, name, command: describe(this.#options), waitSec: hello.lockWaitSec, signal, onLost },
      async () => {
        enter();
        await this.#released;
      },
    );
    await Promise.race([entered, this.#held]);
    await this.#endStrayStreams(name);
  }

  async #endFormerSession(name: string): Promise<void> {
    const owner = lockOwner({ dir: this.#options.dir, name });
    if (owner === undefined) return;
    const former = parseOwner(owner);
    if (former === undefined) return; // no session: the sink is being pruned here
    const { driver, session } = this.#options.hello;
    if (former.driver !== driver || former.session === session) return;
    await this.#end(owner, () => lockOwner({ dir: this.#options.dir, name }));
  }

  /** Streams of a session that is gone: they notice by themselves, but the next receive should not meet them. */
  async #endStrayStreams(name: string): Promise<void> {
    const { dir, hello } = this.#options;
    for (const entry of readdirSync(dir)) {
      const stream = /^(.+)\.lock$/.exec(entry)?.[1];
      if (stream === undefined || !stream.startsWith(streamPrefix(name))) continue;
      const owner = lockOwner({ dir, name: stream });
      if (owner !== undefined && parseOwner(owner)?.session !== hello.session)
        await this.#end(owner, () => lockOwner({ dir, name: stream }));
    }
  }

  async #end(owner: LockOwner, current: () => LockOwner | undefined): Promise<void> {
    this.#options.log(`ending "${owner.command}" (pid ${owner.pid}): its client is back with a new session`);
    const isThere = () => {
      const now = current();
      return now?.pid === owner.pid && now.startTime === owner.startTime;
    };
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (!kill(owner.pid, signal)) return;
      const deadlineMs = performance.now() + END_WITHIN_MS;
      while (isThere() && performance.now() < deadlineMs) await delay(POLL_MS);
      if (!isThere()) return;
    }
  }
}

/** A process serves one stream; tests serve many. */
let streams = 0;

/** Runs a stream's server: registered, so that a later session finds it, and only as long as its session lives. */
export async function underSession<T>(options: ClientLockOptions, body: () => Promise<T>): Promise<T> {
  const { dir, hello, signal, onLost } = options;
  const name = clientLockName(options.job, options.identity);
  const ours = () => {
    const owner = lockOwner({ dir, name });
    return owner !== undefined && parseOwner(owner)?.session === hello.session;
  };
  const ended = () => new LockedError("the session that this stream belongs to has no lock, or has ended");
  if (!ours()) throw ended();
  const watch = setInterval(() => {
    if (!ours()) onLost(ended());
  }, 1000);
  try {
    const stream = `${streamPrefix(name)}${process.pid}-${streams++}`;
    return await withLock({ dir, name: stream, command: describe(options), waitSec: 0, signal, onLost }, body);
  } finally {
    clearInterval(watch);
  }
}

function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function streamPrefix(lock: string): string {
  return `${lock}:stream:`;
}

function describe({ job, identity, hello }: ClientLockOptions): string {
  return `zrepl-run stdinserver ${identity} (job ${job}, session ${hello.session} of ${hello.driver})`;
}

/** @returns undefined when it is no session's */
function parseOwner({ command }: LockOwner): { readonly session: string; readonly driver: string } | undefined {
  const [, session, driver] = /^zrepl-run stdinserver .*?, session ([0-9a-f]{32}) of (.*)\)$/.exec(command) ?? [];
  return session === undefined || driver === undefined ? undefined : { session, driver };
}
