import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { withJobs } from "./options.ts";

/** Adds `zrepl-run doctor`; the work is in src/remote/doctor.ts. */
export function addDoctor(cli: Argv<GlobalOptions>) {
  return cli.command(
    "doctor [jobs..]",
    "Check what jobs need: zfs, permissions, root_fs, the other side",
    (command) => withJobs(command).example("$0 doctor home", "before the first run"),
    async (options) => {
      const [{ examine }, { selectJobs, withInvocation }] = await Promise.all([
        import("../remote/doctor.ts"),
        import("../invocation.ts"),
      ]);
      await withInvocation(options, async (invocation) => {
        const types = ["snap", "push", "pull", "sink", "source"] as const;
        await examine(selectJobs(invocation.config, options.jobs, options.all, types), invocation);
      });
    },
  );
}
