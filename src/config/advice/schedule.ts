import { basename } from "node:path";
import { shellWord } from "../../shell-words.ts";
import type { Job } from "../config.ts";
import type { Advice } from "./advice.ts";

/**
 * Intervals of a config that was written for zrepl's daemon: here a timer has to call. A config of our own has them for
 * `zrepl-run systemd`, and is not nagged.
 */
export function adviseOnSchedule(job: Job, file: string): Advice[] {
  if (basename(file) !== "zrepl.yml") return [];
  const text = `no process waits for it; call zrepl-run from a timer: zrepl-run systemd ${shellWord(job.name)} writes one`;
  const key = waitingKey(job);
  return key === undefined ? [] : [{ job: job.name, key, text }];
}

function waitingKey(job: Job): string[] | undefined {
  if (job.type === "sink") return undefined;
  if (job.type === "pull") return job.interval === "manual" ? undefined : ["interval"];
  if (job.snapshotting.type === "manual") return undefined;
  return ["snapshotting", job.snapshotting.type === "cron" ? "cron" : "interval"];
}
