import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { destroyLimit, withJobs, withMetricsFile } from "./options.ts";

/** Adds `zrepl-run prune`. */
export function addPrune(cli: Argv<GlobalOptions>) {
  return cli.command(
    "prune [jobs..]",
    "Destroy the snapshots that no keep rule wants",
    (command) =>
      withMetricsFile(withJobs(command))
        .option("side", {
          choices: ["sender", "receiver"] as const,
          describe: "only this side of push and pull jobs",
        })
        .option("allow-empty", {
          type: "boolean",
          default: false,
          describe: "destroy all snapshots of a filesystem if the rules keep none",
        })
        .option("max-destroy", {
          type: "string",
          describe: "destroy nothing if it would be more than this: a number, or a percentage such as 20%",
          coerce: (value: string | undefined) => (value === undefined ? undefined : destroyLimit(value)),
        })
        .example("$0 prune --dry-run home", "every snapshot, with the rules that keep it")
        .example("$0 prune --side receiver --max-destroy 20% home", ""),
    async (options) => {
      const { runPrune } = await import("../work.ts");
      await runPrune(options);
    },
  );
}
