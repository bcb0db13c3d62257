import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { durationSec, withJobs, withMetricsFile } from "./options.ts";

/** Adds `zrepl-run snap`. */
export function addSnap(cli: Argv<GlobalOptions>) {
  return cli.command(
    "snap [jobs..]",
    "Take the snapshots of snap, push and source jobs now",
    (command) =>
      withMetricsFile(withJobs(command))
        .option("if-due", {
          type: "boolean",
          default: false,
          describe: "only if the job's interval or cron schedule says so",
        })
        .option("slack", {
          type: "string",
          default: "10s",
          describe: "with --if-due: how much too early a timer may fire",
          coerce: (value: string) => durationSec("slack", value),
        })
        .option("hooks", {
          type: "boolean",
          default: false,
          describe: "with --dry-run: run the hooks too, with ZREPL_DRYRUN=true",
        })
        .example("$0 snap home", "now")
        .example("$0 snap -q --if-due --all", "for a timer"),
    async (options) => {
      const { runSnap } = await import("../work.ts");
      await runSnap(options);
    },
  );
}
