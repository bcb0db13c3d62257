import type { Invocation } from "./invocation.ts";
import { withLock } from "./lock.ts";

/**
 * Runs `body` under a job's lock. Replication and pruning of one job exclude each other (`job`); taking snapshots may go on
 * beside them (`snap`). A dry run changes nothing and needs no lock.
 * @throws {LockedError} when another invocation holds it
 */
export function withJobLock<T>(
  kind: "job" | "snap",
  job: string,
  invocation: Invocation,
  body: () => Promise<T>,
): Promise<T> {
  if (invocation.dryRun) return body();
  return withLock(
    {
      dir: invocation.config.global.lockDir,
      name: `${kind}-${job}`,
      command: invocation.command,
      waitSec: invocation.lockWaitSec,
      signal: invocation.interrupted,
      onLost: invocation.abort,
    },
    body,
  );
}

/**
 * The lock of a client of a sink or source: its sessions', and that of the sink's own pruning. Different for every client:
 * what a file name can't hold is written in hex.
 */
export function clientLockName(job: string, identity: string): string {
  const safe = (text: string) => text.replaceAll(/[^\w.-]/g, (char) => `:${Buffer.from(char).toString("hex")}`);
  return `serve-${safe(job)}:${safe(identity)}`;
}
