/** Which job serves a client, and what it may do there. */
import type { Config, Permissions, Serve, SinkJob, SourceJob } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { Hello } from "./handshake.ts";
import type { Verb } from "./session.ts";

export type PassiveJob = SinkJob | SourceJob;
export type Permission = keyof Permissions;

/** How a client came in: over a forced command, or over the socket of one job. */
export type Entrance =
  | { readonly kind: "stdinserver"; readonly identity: string }
  | { readonly kind: "socket"; readonly identity: string; readonly job: PassiveJob };

/**
 * The job that serves the client in the role that it asks for.
 * @throws {FailedError} when there is none, or more than one
 */
export function findJob(config: Config, entrance: Entrance, asked: Hello["role"]): PassiveJob {
  const { identity } = entrance;
  const role = asked === "restore" ? "sink" : asked;
  const candidates = entrance.kind === "socket" ? [entrance.job] : config.jobs.filter((job) => serves(job, identity));
  const jobs = candidates.filter((job): job is PassiveJob => job.type === role);
  const [job] = jobs;
  if (job === undefined)
    throw new FailedError(`no ${role} job here serves client ${JSON.stringify(identity)}`, {
      hint: `add ${JSON.stringify(identity)} to serve.client_identities of a ${role} job`,
    });
  if (jobs.length > 1)
    throw new FailedError(
      `client ${JSON.stringify(identity)} is served by more than one ${role} job: ${jobs.map(({ name }) => name).join(", ")}`,
      { hint: "give every job identities of its own, and every client a key for each" },
    );
  return job;
}

function serves(job: { readonly type: string; readonly serve?: Serve }, identity: string): boolean {
  return job.serve?.type === "stdinserver" && job.serve.clientIdentities.includes(identity);
}

interface Rule {
  readonly permission: Permission;
  /** Whether it changes something: then the client's lock is needed. */
  readonly changes: boolean;
  readonly roles: readonly ("sink" | "source")[];
}

/** What each question needs. */
export const RULES: Readonly<Record<Verb, Rule>> = {
  list: { permission: "list", changes: false, roles: ["sink", "source"] },
  look: { permission: "list", changes: false, roles: ["sink", "source"] },
  decodeToken: { permission: "send", changes: false, roles: ["source"] },
  estimate: { permission: "send", changes: false, roles: ["source"] },
  prepare: { permission: "send", changes: true, roles: ["source"] },
  send: { permission: "send", changes: true, roles: ["source"] },
  complete: { permission: "send", changes: true, roles: ["source"] },
  receive: { permission: "receive", changes: true, roles: ["sink"] },
  confirm: { permission: "receive", changes: true, roles: ["sink"] },
  clearResumeState: { permission: "receive", changes: true, roles: ["sink"] },
  rollback: { permission: "prune", changes: true, roles: ["sink"] },
  setAside: { permission: "prune", changes: true, roles: ["sink"] },
  destroySnapshots: { permission: "prune", changes: true, roles: ["sink", "source"] },
  reclaimable: { permission: "list", changes: false, roles: ["sink", "source"] },
  poolFeatures: { permission: "list", changes: false, roles: ["sink", "source"] },
  misplaced: { permission: "list", changes: false, roles: ["sink"] },
  lock: { permission: "list", changes: true, roles: ["sink", "source"] },
};

/** What a job lets its clients do; reading what a sink has is a permission of its own. */
export function permissionsOf({ type, permissions }: PassiveJob): Permissions {
  return permissions ?? { receive: type === "sink", send: type === "source", list: true, prune: true };
}

/** @throws {FailedError} when the job does not let its clients do this */
export function requirePermission(job: PassiveJob, permission: Permission): void {
  if (!permissionsOf(job)[permission])
    throw new FailedError(
      `the ${job.type} job ${job.name} does not allow its clients to ${describePermission[permission]}`,
      {
        hint: `it says permissions: {${permission}: false}; whoever runs that side can change it`,
      },
    );
}

const describePermission: Readonly<Record<Permission, string>> = {
  receive: "send it anything",
  send: "read anything",
  list: "list anything",
  prune: "destroy, roll back or rename anything",
};
