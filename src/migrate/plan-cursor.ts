/** Which of zrepl's old cursors can go: those that the new cursor of their job has overtaken (zrepl-behaviour.md §7.7). Pure. */
import type { Abstraction } from "../abstraction/inventory.ts";
import type { Job } from "../config/config.ts";

export type CursorMigration = { readonly old: Abstraction } & (
  | { readonly action: "destroy"; readonly job: string }
  /** Nothing to be done here, and nothing wrong. */
  | { readonly action: "skip"; readonly reason: string }
  | { readonly action: "fail"; readonly reason: string }
);

/** `found`: all abstractions. */
export function planCursorMigration(found: readonly Abstraction[], jobs: readonly Job[]): CursorMigration[] {
  return found
    .filter(({ type }) => type === "replication-cursor-bookmark-v1")
    .map((old) => {
      const owners = jobs.filter((job) => isSending(job) && job.filesystems.match(old.filesystem));
      const [owner, other] = owners;
      if (owner === undefined) return { old, action: "skip", reason: "no push or source job matches the filesystem" };
      if (other !== undefined)
        return {
          old,
          action: "fail",
          reason: `jobs ${owners.map(({ name }) => name).join(" and ")} match the filesystem`,
        };
      const cursors = found.filter(
        ({ type, filesystem, job }) =>
          type === "replication-cursor-bookmark-v2" && filesystem === old.filesystem && job === owner.name,
      );
      if (cursors.length === 0)
        return { old, action: "fail", reason: `job ${owner.name} has no new cursor yet: let it replicate first` };
      if (!cursors.some(({ version }) => version.createtxg >= old.version.createtxg))
        return { old, action: "fail", reason: `the new cursor of job ${owner.name} is older: let it replicate first` };
      return { old, action: "destroy", job: owner.name };
    });
}

function isSending(job: Job): job is Extract<Job, { type: "push" | "source" }> {
  return job.type === "push" || job.type === "source";
}
