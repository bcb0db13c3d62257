/** A sink prunes what its clients may be working on: client by client, one of the two waits for the other. */
import { setTimeout as delay } from "node:timers/promises";
import type { Config, SinkJob } from "../config/config.ts";
import { LockedError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { clientLockName, localClients, lockOptions } from "../job-lock.ts";
import { lockOwner, withLock } from "../lock.ts";
import { listDatasets } from "../zfs/list.ts";
import { isBelow } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";

/** Clients that are being served now, and by whom. */
export type BusyClients = ReadonlyMap<string, LockedError>;

const POLL_MS = 250;

/**
 * Runs `body` under the locks of all clients but those that are busy, also after waiting as long as asked. A dry run
 * changes nothing and needs no lock.
 * @throws {LockedError} when all clients are busy
 */
export async function withClientLocks<T>(
  job: SinkJob,
  invocation: Invocation,
  body: (busy: BusyClients) => Promise<T>,
): Promise<T> {
  const busy = new Map<string, LockedError>();
  if (invocation.dryRun) return body(busy);
  const clients = await clientsOf(job, invocation.runner);
  const locks = clients.flatMap((client) =>
    lockNames(job, client, invocation.config).map((name) => ({ client, name })),
  );
  await untilFree(
    locks.map(({ name }) => name),
    invocation,
  );
  const under = async (index: number): Promise<T> => {
    const lock = locks[index];
    if (lock === undefined) return underAll();
    let isHeld = false;
    try {
      return await withLock(lockOptions(lock.name, { ...invocation, lockWaitSec: 0 }), () => {
        isHeld = true;
        return under(index + 1);
      });
    } catch (error) {
      if (isHeld || !(error instanceof LockedError)) throw error;
      busy.set(lock.client, error);
      return under(index + 1);
    }
  };
  const underAll = () => {
    const [first] = busy.values();
    if (first !== undefined && busy.size === clients.length) throw first;
    return body(busy);
  };
  return under(0);
}

/** Each client's subtree is a child of the root. */
async function clientsOf({ rootFs }: SinkJob, runner: Runner): Promise<string[]> {
  const { filesystems } = await listDatasets(runner, { roots: [rootFs], depth: 1 });
  return [...filesystems.keys()].filter((name) => isBelow(name, rootFs)).map((name) => name.slice(rootFs.length + 1));
}

/** Of the sessions of a client, and of the push jobs of this config that are this client. */
function lockNames(job: SinkJob, client: string, { jobs }: Config): string[] {
  const own = localClients(job, jobs).filter(({ identity }) => identity === client);
  return [clientLockName(job.name, client), ...own.map(({ lock }) => lock)];
}

/** Waits before any lock is taken: whoever waits for one client must not keep the others out. */
async function untilFree(names: readonly string[], { config, lockWaitSec, interrupted }: Invocation): Promise<void> {
  const deadlineMs = performance.now() + lockWaitSec * 1000;
  const isHeld = (name: string) => lockOwner({ dir: config.global.lockDir, name }) !== undefined;
  while (performance.now() < deadlineMs && names.some(isHeld)) {
    interrupted.throwIfAborted();
    await delay(POLL_MS, undefined, { signal: interrupted }).catch(() => undefined);
  }
}
