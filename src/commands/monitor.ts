import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import type { Threshold } from "../config/config.ts";
import { UsageError } from "../errors.ts";
import { durationSec, withJobs } from "./options.ts";

/** Adds `zrepl-run monitor`; the work is in src/status/monitor.ts. */
export function addMonitor(cli: Argv<GlobalOptions>) {
  return cli.command(
    "monitor [jobs..]",
    "Compare snapshots and replication with thresholds, as a Nagios plug-in (exit 0 to 3)",
    (command) =>
      withJobs(command)
        .option("newest", threshold("newest", "age of the newest snapshot", durationSec))
        .option("oldest", threshold("oldest", "age of the oldest snapshot", durationSec))
        .option("lag", threshold("lag", "how far the receiver is behind", durationSec))
        .option("count", threshold("count", "number of snapshots of a filesystem", wholeNumber))
        .option("stale-hold", {
          type: "string",
          describe: "age of a snapshot with a hold that a run has left behind",
          coerce: (value: string | undefined) => (value === undefined ? undefined : durationSec("stale-hold", value)),
        })
        .option("side", {
          choices: ["sender", "receiver"] as const,
          describe: "only this side; the other is not asked",
        })
        .example("$0 monitor --newest 2h,6h --lag 3h,1d home", "as Nagios calls it")
        .example("$0 monitor --newest 1d,3d backups", "on a backup server, for all clients of a sink"),
    async (options) => {
      const { monitor } = await import("../status/monitor.ts");
      await monitor(options);
    },
  );
}

type Read = (option: string, text: string) => number;

/** `WARN,CRIT`; one of them may be left out. */
function threshold(option: string, describe: string, read: Read) {
  const coerce = (value: string | undefined) => (value === undefined ? undefined : parseThreshold(option, value, read));
  return { type: "string" as const, describe: `${describe}: WARN,CRIT`, coerce };
}

function parseThreshold(option: string, text: string, read: Read): Threshold {
  const [warn = "", crit = "", ...rest] = text.split(",").map((part) => part.trim());
  if (rest.length > 0 || (warn === "" && crit === ""))
    throw new UsageError(`--${option}: ${JSON.stringify(text)} must be WARN,CRIT; one of them may be left out`);
  const limits = {
    ...(warn === "" ? {} : { warn: read(option, warn) }),
    ...(crit === "" ? {} : { crit: read(option, crit) }),
  };
  if (limits.warn !== undefined && limits.crit !== undefined && limits.warn > limits.crit)
    throw new UsageError(`--${option}: ${JSON.stringify(text)} would be critical before it is a warning`);
  return limits;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${option}: ${JSON.stringify(text)} is not a number`);
  return Number(text);
}
