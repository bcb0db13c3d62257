import type { WorkKind } from "./activity.ts";
import type { Config, SinkJob, SourceJob } from "./config/config.ts";
import type { Invocation } from "./invocation.ts";
import { withLock } from "./lock.ts";

/**
 * Runs `body` under a job's lock. Replication and pruning of one job exclude each other (`job`); taking snapshots may go on
 * beside them (`snap`). A dry run changes nothing and needs no lock.
 * @throws {LockedError} when another invocation holds it
 */
export function withJobLock<T>(
  kind: WorkKind,
  job: string,
  invocation: Invocation,
  body: () => Promise<T>,
): Promise<T> {
  const { lockDir } = invocation.config.global;
  return withLocks([`${kind}-${job}`], invocation, async () => {
    const end = invocation.dryRun ? undefined : invocation.activity?.begin(lockDir, kind, job);
    try {
      return await body();
    } finally {
      end?.();
    }
  });
}

/** The same under several locks, which are taken in the given order. */
export function withLocks<T>(names: readonly string[], invocation: Invocation, body: () => Promise<T>): Promise<T> {
  const [name, ...others] = names;
  if (name === undefined || invocation.dryRun) return body();
  return withLock(lockOptions(name, invocation), () => withLocks(others, invocation, body));
}

/** A lock as an invocation takes it. */
export function lockOptions(
  name: string,
  { config, command, lockWaitSec: waitSec, interrupted: signal, abort: onLost }: Invocation,
) {
  return { dir: config.global.lockDir, name, command, waitSec, signal, onLost };
}

/**
 * The names of the locks that a job's abstractions are worked on under: its own, those of the clients that it serves, and
 * those of the jobs of this host that connect to it. Sorted, so that nobody waits in a circle.
 */
export function locksOf(name: string, { jobs }: Pick<Config, "jobs">): string[] {
  const job = jobs.find((candidate) => candidate.name === name);
  const own = `job-${name}`;
  if (job?.type !== "sink" && job?.type !== "source") return [own];
  const { serve } = job;
  const forClients = (identities: Iterable<string>) =>
    [...identities].map((identity) => clientLockName(name, identity));
  switch (serve.type) {
    case "stdinserver":
      return [own, ...forClients(serve.clientIdentities)].sort();
    case "tls":
      return [own, ...forClients(serve.clientCns)].sort();
    case "tcp":
      return [own, ...forClients(serve.clients.values())].sort();
    case "local":
      return [own, ...localClients(job, jobs).map((client) => client.lock)].sort();
  }
}

/** The jobs of this config that connect to a sink or source: who they are there, and their own lock. */
export function localClients(
  { serve }: SinkJob | SourceJob,
  jobs: Config["jobs"],
): { readonly identity: string; readonly lock: string }[] {
  return jobs.flatMap((peer) =>
    (peer.type === "push" || peer.type === "pull") &&
    peer.connect.type === "local" &&
    serve.type === "local" &&
    peer.connect.listenerName === serve.listenerName
      ? [{ identity: peer.connect.clientIdentity, lock: `job-${peer.name}` }]
      : [],
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
