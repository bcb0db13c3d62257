import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { UsageError } from "../errors.ts";
import { instantSec, withTimeLimit } from "./options.ts";

/** Adds `zrepl-run restore`; the work is in src/restore/. */
export function addRestore(cli: Argv<GlobalOptions>) {
  return cli.command(
    "restore <job>",
    "Bring filesystems back from the receiver",
    (command) =>
      withTimeLimit(command)
        .positional("job", { type: "string", demandOption: true, describe: "name of the push or pull job" })
        .option("filesystem", { type: "string", describe: "what to bring back, by its name on the sender" })
        .option("snapshot", { type: "string", describe: "as it was at this snapshot; default: the newest" })
        .option("at", {
          type: "string",
          describe: "as it was then: a time, or an age such as 2h",
          coerce: (value: string | undefined) =>
            value === undefined ? undefined : instantSec("at", value, Date.now()),
        })
        .option("to", { type: "string", describe: "name to restore it under; default: its own" })
        .option("recursive", { type: "boolean", default: false, describe: "what is below it, too" })
        .option("onto-original", {
          type: "boolean",
          default: false,
          describe: "if it exists, go on from its newest snapshot",
        })
        .option("list", { type: "boolean", default: false, describe: "only list what can be brought back" })
        .example("$0 restore home --list", "what the receiver has, and from when")
        .example("$0 restore home --filesystem tank/ann --to tank/ann-before --at 2d", "beside the original")
        .example("$0 restore home --filesystem tank/home --recursive", "all of it, after a disk died")
        .check(({ filesystem, snapshot, at, to, list, ontoOriginal }) => {
          if (!list && filesystem === undefined) throw new UsageError("say --filesystem, or --list");
          if (list && [snapshot, at, to].some((option) => option !== undefined))
            throw new UsageError("--list takes only --filesystem and --recursive");
          if (snapshot !== undefined && at !== undefined) throw new UsageError("give --snapshot or --at, not both");
          if (to !== undefined && ontoOriginal === true) throw new UsageError("give --to or --onto-original, not both");
          return true;
        }),
    async (options) => {
      const [{ listRestorable, restore }, { selectJobs, withInvocation }] = await Promise.all([
        import("../restore/run.ts"),
        import("../invocation.ts"),
      ]);
      await withInvocation(options, async (invocation) => {
        const [job] = selectJobs(invocation.config, [options.job], false, ["push", "pull"]);
        if (job === undefined) return;
        const { filesystem, recursive, list, snapshot, at: atSec, to, ontoOriginal } = options;
        if (list || filesystem === undefined) return listRestorable(job, { filesystem, recursive }, invocation);
        // people write it with the @ as often as without
        const name = snapshot?.replace(/^@/, "");
        await restore(job, { filesystem, recursive, snapshot: name, atSec, to, ontoOriginal }, invocation);
      });
    },
  );
}
