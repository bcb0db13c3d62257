import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { datasetNames } from "./datasets.ts";

/** Adds `zrepl-run configcheck`; the work is in src/config/check.ts. */
export function addConfigcheck(cli: Argv<GlobalOptions>) {
  return cli.command(
    "configcheck",
    "Validate the config: print all problems, or what each job does",
    (command) =>
      command
        .option("what", {
          choices: ["all", "config", "jobs", "logging"] as const,
          default: "all" as const,
          describe: "part to show",
        })
        .option("format", {
          choices: ["pretty", "json", "yaml"] as const,
          describe: "pretty: a line per job; json, yaml: the config with all defaults",
        })
        .option("skip-cert-check", {
          type: "boolean",
          default: false,
          describe: "don't read the files of tls connections",
        })
        .example("$0 configcheck", "all problems, or what each job does")
        .example("$0 configcheck --format yaml", "with all defaults"),
    async ({ config, json, what, format, skipCertCheck }) => {
      const { checkConfig } = await import("../config/check.ts");
      const { env, stdout, stderr } = process;
      const certificatesAtMs = skipCertCheck ? undefined : Date.now();
      await checkConfig({
        load: { file: config, env, certificatesAtMs },
        what,
        format: json ? "events" : (format ?? "pretty"),
        stdout,
        stderr,
        datasets: () => datasetNames(env),
      });
    },
  );
}
