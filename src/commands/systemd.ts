import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { durationSec, withJobs } from "./options.ts";

/** Adds `zrepl-run systemd`; the work is in src/timers. */
export function addSystemd(cli: Argv<GlobalOptions>) {
  return cli.command(
    "systemd [jobs..]",
    "Print or install timers, services and sockets of jobs; or cron lines",
    (command) =>
      withJobs(command)
        .option("install", { type: "boolean", default: false, describe: "write the units instead of printing them" })
        .option("dir", {
          type: "string",
          describe: "where to; default: /etc/systemd/system, with --user ~/.config/systemd/user",
        })
        .option("user", {
          type: "boolean",
          default: false,
          describe: "units for the manager of a user who is not root",
        })
        .option("cron", { type: "boolean", default: false, describe: "lines for /etc/cron.d instead" })
        .option("on-calendar", {
          type: "string",
          describe: "when, as systemd.time(7) has it, instead of the interval or cron line of the job",
        })
        .option("jitter", {
          type: "string",
          describe: "start up to so much later; default: a tenth of the interval, at most 5m",
          coerce: (value: string | undefined) => (value === undefined ? undefined : durationSec("jitter", value)),
        })
        .example("$0 systemd home", "look at the units of a job")
        .example("$0 systemd --all --install", "write the units of all jobs"),
    async (options) => {
      const { makeTimers } = await import("../timers/run.ts");
      await makeTimers(options, process);
    },
  );
}
