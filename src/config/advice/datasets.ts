import { isBelow } from "../../zfs/name.ts";
import type { Job } from "../config.ts";
import type { Advice } from "./advice.ts";

/** Names and patterns for which this host has nothing. */
export function adviseOnDatasets(job: Job, datasets: readonly string[]): Advice[] {
  return [...unmatchedPatterns(job, datasets), ...unmatchedExcludes(job, datasets), ...missingRoot(job, datasets)];
}

function unmatchedPatterns(job: Job, datasets: readonly string[]): Advice[] {
  if (!("filesystems" in job)) return [];
  const unmatched = [...job.filesystems.rules.keys()].filter(
    (pattern) => !datasets.some((name) => fits(name, pattern)),
  );
  const text = "no filesystem of this host is meant by that; is it a typo? or is its pool not imported?";
  return unmatched.map((pattern) => ({ job: job.name, key: ["filesystems", pattern], text }));
}

function fits(name: string, pattern: string): boolean {
  const root = pattern.replace(/<$/, "");
  return name === root || (root !== pattern && (root === "" || isBelow(name, root)));
}

function unmatchedExcludes(job: Job, datasets: readonly string[]): Advice[] {
  if (!("filesystems" in job)) return [];
  return (job.filesystems.excludes ?? []).flatMap((regex, i) => {
    if (datasets.some((name) => regex.test(name))) return [];
    const text = `/${regex.source}/ matches no filesystem of this host; is it a typo?`;
    return [{ job: job.name, key: ["filesystems_exclude", i], text }];
  });
}

function missingRoot(job: Job, datasets: readonly string[]): Advice[] {
  if (!("rootFs" in job) || datasets.includes(job.rootFs)) return [];
  const text = `there is no filesystem ${job.rootFs} on this host; zfs create -o mountpoint=none ${job.rootFs}`;
  return [{ job: job.name, key: ["root_fs"], text }];
}
