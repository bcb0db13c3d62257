import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withFilesystemsOfJob } from "./options.ts";

/** Adds `zrepl-run adopt`; the work is in src/adopt/. */
export function addAdopt(cli: Argv<GlobalOptions>) {
  return cli.command(
    "adopt <job>",
    "Let a job go on with the replicas that another tool made",
    (command) =>
      withFilesystemsOfJob(command).example("$0 adopt --dry-run home", "what the next replication would start from"),
    async (options) => {
      const [{ adopt }, { selectJobs, withInvocation }] = await Promise.all([
        import("../adopt/run.ts"),
        import("../invocation.ts"),
      ]);
      await withInvocation(options, async (invocation) => {
        const [job] = selectJobs(invocation.config, [options.job], false, ["push", "pull"]);
        if (job !== undefined) await adopt(job, options.filesystem, invocation);
      });
    },
  );
}
