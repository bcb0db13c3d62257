import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";

/** Adds `zrepl-run stdinserver`; the work is in src/remote. */
export function addStdinserver(cli: Argv<GlobalOptions>) {
  return cli.command(
    "stdinserver [client]",
    "Serve one client on stdin and stdout (SSH forced command, socket unit)",
    (command) =>
      command
        .positional("client", { type: "string", describe: "identity of the client, from authorized_keys" })
        .option("socket", {
          type: "string",
          describe:
            "serve this sink or source job on an accepted tcp or tls connection (Accept=yes); its peer says who it is",
        })
        .conflicts("client", "socket")
        .example('command="zrepl-run stdinserver laptop",restrict ssh-ed25519 AAAA...', "in authorized_keys"),
    async ({ client, socket, config, logLevel }) => {
      const { stdinserver } = await import("../remote/stdinserver.ts");
      await stdinserver({ identity: client, socket, config, debug: logLevel === "debug" });
    },
  );
}
