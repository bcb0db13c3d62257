/** Which abstractions are stale (zrepl-behaviour.md §3.7), and which nobody looks after any more. Pure. */
import type { Job } from "../config/config.ts";
import { isBelow } from "../zfs/name.ts";
import type { Abstraction } from "./inventory.ts";

export type AbstractionState = "live" | "stale" | "orphan";

export interface Judged {
  readonly abstraction: Abstraction;
  readonly state: AbstractionState;
  /** Why it is stale or an orphan. */
  readonly reason: string | undefined;
}

/** `jobs`: of the config; without any, nothing is called an orphan. Wants all abstractions of the filesystems concerned. */
export function judge(abstractions: readonly Abstraction[], jobs: readonly Job[]): Judged[] {
  const newest = new Map<string, bigint>();
  const note = (key: string, createtxg: bigint) => {
    if (createtxg > (newest.get(key) ?? -1n)) newest.set(key, createtxg);
  };
  for (const abstraction of abstractions) note(familyOf(abstraction), abstraction.version.createtxg);
  return abstractions.map((abstraction) => {
    const orphaned = orphanReason(abstraction, jobs);
    if (orphaned !== undefined) return { abstraction, state: "orphan", reason: orphaned };
    const stale = staleReason(abstraction, newest);
    return { abstraction, state: stale === undefined ? "live" : "stale", reason: stale };
  });
}

/** What is compared with each other. */
function familyOf({ filesystem, job, type }: Pick<Abstraction, "filesystem" | "job" | "type">): string {
  return `${filesystem}\t${type}\t${job ?? ""}`;
}

function staleReason(abstraction: Abstraction, newest: ReadonlyMap<string, bigint>): string | undefined {
  const { createtxg } = abstraction.version;
  const isNewest = createtxg === newest.get(familyOf(abstraction));
  switch (abstraction.type) {
    case "replication-cursor-bookmark-v1":
    case "tentative-replication-cursor-bookmark-v2":
      return undefined;
    case "replication-cursor-bookmark-v2":
      return isNewest ? undefined : "there is a newer cursor";
    case "last-received-hold":
      return isNewest ? undefined : "there is a newer last-received hold";
    case "step-hold": {
      const cursor = newest.get(familyOf({ ...abstraction, type: "replication-cursor-bookmark-v2" }));
      // without a cursor the newest one protects the end of an interrupted initial replication
      if (cursor === undefined) return isNewest ? undefined : "there is a newer step hold";
      return createtxg <= cursor ? "the replication cursor is not before it" : undefined;
    }
  }
}

function orphanReason({ type, filesystem, job: name }: Abstraction, jobs: readonly Job[]): string | undefined {
  if (name === undefined || jobs.length === 0) return undefined;
  const job = jobs.find((candidate) => candidate.name === name);
  if (job === undefined) return `job ${JSON.stringify(name)} is not in the config`;
  if (type === "last-received-hold") {
    if (job.type !== "sink" && job.type !== "pull") return `${job.type} job ${JSON.stringify(name)} receives nothing`;
    return isBelow(filesystem, job.rootFs) ? undefined : `it is not below ${job.rootFs}, where job ${name} receives`;
  }
  if (job.type === "sink" || job.type === "pull") return `${job.type} job ${JSON.stringify(name)} sends nothing`;
  // a condition on a property may have changed for a moment: by name only
  return job.filesystems.match(filesystem) ? undefined : `job ${JSON.stringify(name)} does not match the filesystem`;
}
