/** Lines of /etc/cron.d for hosts without systemd. */
import type { Job } from "../config/config.ts";
import { shellWord } from "../shell-words.ts";
import { cronFields, intervalCron } from "./calendar.ts";

/** The line of a job, or a comment that says why there is none. */
export function crontabLine(job: Job, command: readonly string[]): string {
  const verb = job.type === "sink" ? "prune" : "run";
  const words = [...command, "-q", verb, job.name].map(cronWord).join(" ");
  const when = fieldsOf(job);
  if (when === undefined) return `# ${job.name}: nothing to do by itself\n`;
  if (when === "manual") return `# ${job.name}: nothing in the config says when:\n# 0 * * * *  root  ${words}\n`;
  const zone = when.zone === undefined ? "" : `# ${job.name}: times are those of ${when.zone}, cron's are local ones\n`;
  return `${zone}${when.fields}  root  ${words}\n`;
}

function fieldsOf(job: Job): { readonly fields: string; readonly zone: string | undefined } | "manual" | undefined {
  if (job.type === "sink") return job.pruning === undefined ? undefined : { fields: "0 0 * * *", zone: undefined };
  if (job.type === "pull")
    return job.interval === "manual" ? "manual" : { fields: intervalCron(job.interval), zone: undefined };
  const { snapshotting } = job;
  if (snapshotting.type === "cron") return cronFields(snapshotting.cron);
  if (snapshotting.type === "periodic") return { fields: intervalCron(snapshotting.intervalSec), zone: undefined };
  return job.type === "source" && job.pruning === undefined ? undefined : "manual";
}

/** In a crontab a percent sign is a line break. */
function cronWord(word: string): string {
  return shellWord(word).replaceAll("%", "\\%");
}
