import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { UsageError } from "../errors.ts";
import { withFilesystemsOfJob } from "./options.ts";

/** Adds `zrepl-run verify`; the work is in src/verify/. */
export function addVerify(cli: Argv<GlobalOptions>) {
  return cli.command(
    "verify <job>",
    "Compare the receiver with the sender",
    (command) =>
      withFilesystemsOfJob(command)
        .option("data", {
          type: "boolean",
          default: false,
          describe: "read the newest common snapshot on both sides, and compare the content",
        })
        .option("sample", {
          type: "string",
          describe: "with --data, read so many percent of the other snapshots, too",
          coerce: (value: string | undefined) => (value === undefined ? undefined : percentOf(value)),
        })
        .example("$0 verify home", "guids, gaps, cursors and holds")
        .example("$0 verify home --data --sample 5%", "the content, too; takes as long as reading it")
        .check(({ data, sample }) => {
          if (sample !== undefined && data !== true) throw new UsageError("--sample goes with --data");
          return true;
        }),
    async (options) => {
      const [{ verify }, { selectJobs, withInvocation }] = await Promise.all([
        import("../verify/run.ts"),
        import("../invocation.ts"),
      ]);
      await withInvocation(options, async (invocation) => {
        const [job] = selectJobs(invocation.config, [options.job], false, ["push", "pull"]);
        const { filesystem: filesystems, data, sample } = options;
        const samplePercent = data ? (sample ?? 0) : undefined;
        if (job !== undefined) await verify(job, { filesystems, samplePercent }, invocation);
      });
    },
  );
}

/** `5` or `5%`. */
function percentOf(text: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  if (digits === undefined || Number(digits) > 100)
    throw new UsageError(`--sample: ${JSON.stringify(text)} is no percentage such as 5%`);
  return Number(digits);
}
