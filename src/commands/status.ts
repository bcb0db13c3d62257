import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withAnyJobs } from "./options.ts";

/** Adds `zrepl-run status`; the work is in src/status. */
export function addStatus(cli: Argv<GlobalOptions>) {
  return cli.command(
    "status [jobs..]",
    "Show what is on disk: per filesystem the newest snapshot, what is replicated, what is wrong",
    (command) =>
      withAnyJobs(command)
        .option("watch", {
          type: "boolean",
          default: false,
          describe: "look again every 2 seconds; q or Ctrl-C ends it",
        })
        .example("$0 status -q", "what needs attention")
        .example("$0 status --watch home", "follow a run that a timer has started"),
    async (options) => {
      const { runStatus } = await import("../status/run.ts");
      await runStatus(options);
    },
  );
}
