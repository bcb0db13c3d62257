import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withAnyJobs } from "./options.ts";

/** Adds `zrepl-run report`; the work is in src/status/report.ts. */
export function addReport(cli: Argv<GlobalOptions>) {
  return cli.command(
    "report [jobs..]",
    "Write what status shows as one page to look at in a browser",
    (command) =>
      withAnyJobs(command)
        .option("html", { type: "string", demandOption: true, describe: "the file to write" })
        .example("$0 report --html /var/www/backups.html", "a page of all jobs"),
    async (options) => {
      const { report } = await import("../status/report.ts");
      await report(options);
    },
  );
}
