import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { SETUPS } from "../init/setups.ts";
import { datasetNames } from "./datasets.ts";

/** Adds `zrepl-run init`; the work is in src/init. */
export function addInit(cli: Argv<GlobalOptions>) {
  return cli.command(
    "init",
    "Write a first config: asks a few questions, or takes the answers as options",
    (command) =>
      command
        .option("setup", { choices: SETUPS, describe: "what it is to do" })
        .option("filesystems", { type: "string", describe: "e.g. 'tank/home<,!tank/home/tmp<'" })
        .option("root-fs", { type: "string", describe: "filesystem below which replicas go" })
        .option("host", { type: "string", describe: "the other host" })
        .option("user", { type: "string", describe: "the user there" })
        .option("identity-file", { type: "string", describe: "file with the ssh key" })
        .option("clients", { type: "string", describe: "names of the hosts that come here" })
        .option("interval", { type: "string", describe: "how often, e.g. 15m" })
        .option("yes", { alias: "y", type: "boolean", default: false, describe: "ask nothing, take what is proposed" })
        .option("force", { type: "boolean", default: false, describe: "replace a config that is there" })
        .example("$0 init", "on a terminal")
        .example("$0 init --yes --setup local --filesystems 'tank<' --root-fs vault/backups", ""),
    async (options) => {
      const { init } = await import("../init/run.ts");
      const { filesystems, rootFs, host, user, identityFile, clients, interval } = options;
      const { env, stdin, stdout } = process;
      const all = Object.entries({ filesystems, rootFs, host, user, identityFile, clients, interval });
      const given = Object.fromEntries(all.filter(([, value]) => value !== undefined));
      const schema = fileURLToPath(new URL("../schemas/config.schema.json", import.meta.url));
      await init(
        { ...options, given },
        { env, stdin, stdout, datasets: () => datasetNames(env), schema: existsSync(schema) ? schema : undefined },
      );
    },
  );
}
