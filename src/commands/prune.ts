import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs } from "./options.ts";

/** Adds `zrepl-run prune`. */
export function addPrune(cli: Argv<GlobalOptions>) {
  return cli.command(
    "prune [jobs..]",
    "Destroy the snapshots that no keep rule wants",
    (command) =>
      withJobs(command).option("side", {
        choices: ["sender", "receiver"] as const,
        describe: "only this side of push and pull jobs",
      }),
    async (options) => {
      const { runPrune } = await import("../work.ts");
      await runPrune(options);
    },
  );
}
