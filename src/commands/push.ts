import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs, withMetricsFile, withTimeLimit } from "./options.ts";

/** Adds `zrepl-run push`. */
export function addPush(cli: Argv<GlobalOptions>) {
  return cli.command(
    "push [jobs..]",
    "Replicate push jobs' filesystems",
    (command) =>
      withMetricsFile(withTimeLimit(withJobs(command)))
        .example("$0 push home", "replicate one job")
        .example("$0 push --all --time-limit 6h --lock-wait 30m", "at night"),
    async (options) => {
      const { runReplicate } = await import("../work.ts");
      await runReplicate("push", options);
    },
  );
}
