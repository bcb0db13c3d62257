import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import type { Event } from "../report/events.ts";
import { version, versionText } from "../version.ts";

/** Adds `zrepl-run version`. */
export function addVersion(cli: Argv<GlobalOptions>) {
  return cli.command("version", "Print the version", {}, ({ json }) => {
    const platform = `${process.platform}-${process.arch}`;
    const event: Event = { event: "version", version, node: process.version, platform };
    process.stdout.write(json ? `${JSON.stringify(event)}\n` : versionText());
  });
}
