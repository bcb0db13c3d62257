import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { versionText } from "../version.ts";

/** Adds `zrepl-run version`. */
export function addVersion(cli: Argv<GlobalOptions>) {
  return cli.command("version", "Print the version", {}, () => {
    process.stdout.write(versionText());
  });
}
