/**
 * What `configcheck` warns of: a config that is valid and yet surely does not what its author wants. Pure. Each text says why,
 * and after a semicolon what to do.
 */
import type { Config } from "../config.ts";
import { adviseOnDatasets } from "./datasets.ts";
import { adviseOnPlaces } from "./places.ts";
import { adviseOnPruning } from "./pruning.ts";
import { adviseOnSchedule } from "./schedule.ts";
import { adviseOnTransfer } from "./transfer.ts";

export interface Advice {
  readonly job: string;
  /** The key in the job, e.g. `["recv", "placeholder"]`. */
  readonly key: readonly (string | number)[];
  readonly text: string;
}

/** @param datasets names of all filesystems and volumes of this host; undefined = not known */
export function adviseOn(
  { jobs, file }: Pick<Config, "jobs" | "file">,
  datasets: readonly string[] | undefined,
): Advice[] {
  return jobs.flatMap((job, i) => [
    ...adviseOnPruning(job, jobs),
    ...adviseOnTransfer(job, jobs),
    ...adviseOnSchedule(job, file),
    ...adviseOnPlaces(job, jobs, jobs.slice(0, i)),
    ...(datasets === undefined ? [] : adviseOnDatasets(job, datasets)),
  ]);
}
