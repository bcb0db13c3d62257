import { basename } from "node:path";
import type { Job } from "../config.ts";
import type { Advice } from "./advice.ts";

/**
 * Intervals of a config that was written for zrepl's daemon: here a timer has to call. A config of our own has them for
 * `zrepl-run systemd`, and is not nagged.
 */
export function adviseOnSchedule(job: Job, file: string): Advice[] {
  if (basename(file) !== "zrepl.yml") return [];
  const text = `no process waits for it; call zrepl-run from a timer: zrepl-run systemd '${job.name}' writes one`;
  const own = job.type === "pull" && job.interval !== "manual" ? [["interval"]] : [];
  const takesSnapshots = "snapshotting" in job && ["periodic", "cron"].includes(job.snapshotting.type);
  const key = "snapshotting" in job && job.snapshotting.type === "cron" ? "cron" : "interval";
  return [...own, ...(takesSnapshots ? [["snapshotting", key]] : [])].map((at) => ({ job: job.name, key: at, text }));
}
