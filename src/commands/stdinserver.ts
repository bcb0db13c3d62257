import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";

/** Adds `zrepl-run stdinserver`; the work is in src/remote. */
export function addStdinserver(cli: Argv<GlobalOptions>) {
  return cli.command(
    "stdinserver [client]",
    "Serve one client on stdin and stdout (SSH forced command, socket unit)",
    (command) =>
      command.positional("client", { type: "string", describe: "identity of the client, from authorized_keys" }),
    async ({ client, config, logLevel }) => {
      const { stdinserver } = await import("../remote/stdinserver.ts");
      await stdinserver({ identity: client, config, debug: logLevel === "debug" });
    },
  );
}
