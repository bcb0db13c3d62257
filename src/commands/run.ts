import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs, withMetricsFile, withTimeLimit } from "./options.ts";

/** Adds `zrepl-run run`. */
export function addRun(cli: Argv<GlobalOptions>) {
  return cli.command(
    "run [jobs..]",
    "The whole cycle of a job: snapshot if due, replicate, prune",
    (command) =>
      withMetricsFile(withTimeLimit(withJobs(command)))
        .example("$0 run --dry-run home", "show what would be done, and why")
        .example("$0 run -q --all", "all jobs, as a timer does"),
    async (options) => {
      const { runCycle } = await import("../work.ts");
      await runCycle(options);
    },
  );
}
