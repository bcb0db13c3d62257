import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs, withMetricsFile, withTimeLimit } from "./options.ts";

/** Adds `zrepl-run pull`. */
export function addPull(cli: Argv<GlobalOptions>) {
  return cli.command(
    "pull [jobs..]",
    "Replicate pull jobs' filesystems",
    (command) =>
      withMetricsFile(withTimeLimit(withJobs(command))).example(
        "$0 pull --dry-run server",
        "what would be fetched, with sizes",
      ),
    async (options) => {
      const { runReplicate } = await import("../work.ts");
      await runReplicate("pull", options);
    },
  );
}
