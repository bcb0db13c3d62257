import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs, withMetricsFile, withTimeLimit } from "./options.ts";

/** Adds `zrepl-run run`. */
export function addRun(cli: Argv<GlobalOptions>) {
  return cli.command(
    "run [jobs..]",
    "The whole cycle of a job: snapshot if due, replicate, prune",
    (command) => withMetricsFile(withTimeLimit(withJobs(command))),
    async (options) => {
      const { runCycle } = await import("../work.ts");
      await runCycle(options);
    },
  );
}
