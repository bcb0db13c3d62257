/** What several pieces of advice ask of jobs. */
import type { FilesystemFilter, Job, SnapshotOptions } from "../config.ts";

/** How a job takes snapshots; undefined if it takes none. */
export function snapshotsOf(job: Job): SnapshotOptions | undefined {
  return "snapshotting" in job && job.snapshotting.type !== "manual" ? job.snapshotting : undefined;
}

/** A filesystem of a pattern of one filter that the other filter includes as well. */
export function commonFilesystem(one: FilesystemFilter, other: FilesystemFilter): string | undefined {
  const patterns = [one, other].flatMap(({ rules }) => [...rules].flatMap(([pattern, on]) => (on ? [pattern] : [])));
  return patterns.map((pattern) => pattern.replace(/<$/, "")).find((name) => one.match(name) && other.match(name));
}

/** Whether one is an active job whose counterpart is the other, in this config. */
export function isLocalPair(one: Job, other: Job): boolean {
  return [
    [one, other],
    [other, one],
  ].some(
    ([active, passive]) =>
      active !== undefined &&
      passive !== undefined &&
      "connect" in active &&
      "serve" in passive &&
      active.connect.type === "local" &&
      passive.serve.type === "local" &&
      active.connect.listenerName === passive.serve.listenerName &&
      passive.type === (active.type === "push" ? "sink" : "source"),
  );
}
