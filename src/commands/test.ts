import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";

/** Adds `zrepl-run test`: what a config would do, tried on lists or looked up, with nothing touched. */
export function addTest(cli: Argv<GlobalOptions>) {
  return cli.command(
    "test",
    "Try a filter, a keep policy, a plan or a token; touches nothing",
    (command) => {
      addPruneTest(command);
      addPlanTest(command);
      addFilesystemsTest(command);
      addPlaceholderTest(command);
      addResumeTokenTest(command);
      return command.demandCommand(1, "name what to test");
    },
    () => undefined,
  );
}

function withJob<T>(cli: Argv<T>) {
  return cli.positional("job", { type: "string", demandOption: true, describe: "name of the job" });
}

function addPruneTest(cli: Argv<GlobalOptions>) {
  return cli.command(
    "prune <job>",
    "Apply a job's keep rules to a list of snapshots",
    (command) =>
      withJob(command)
        .option("side", { choices: ["sender", "receiver"] as const, describe: "whose rules, of a push or pull job" })
        .option("snapshots", {
          type: "string",
          nargs: 1, // "-" counts as a value
          demandOption: true,
          describe: "file (- = stdin) from: zfs list -Hp -t snapshot -o name,guid,createtxg,creation,userrefs",
        })
        .option("cursor", { type: "string", describe: "guid of the newest replicated snapshot" })
        .example(
          "zfs list -Hp -t snapshot -o name,guid,createtxg,creation,userrefs tank | $0 test prune home --side sender --snapshots -",
          "",
        ),
    async (options) => {
      const { testPrune } = await import("../trial/run.ts");
      await testPrune(options);
    },
  );
}

function addPlanTest(cli: Argv<GlobalOptions>) {
  const list =
    "file (- = stdin) from: zfs list -Hp -t filesystem,volume,snapshot,bookmark -o name,type,guid,createtxg,creation";
  return cli.command(
    "plan <job>",
    "Plan a job's replication between two lists of filesystems",
    (command) =>
      withJob(command)
        .option("sender", { type: "string", nargs: 1, demandOption: true, describe: list })
        .option("receiver", { type: "string", nargs: 1, demandOption: true, describe: "the same of the receiver" })
        .option("receiver-root", {
          type: "string",
          describe:
            "filesystem below which the receiver's copies are; default: from the config, or found by comparing names",
        })
        .example("$0 test plan home --sender here.txt --receiver there.txt", ""),
    async (options) => {
      const { testPlan } = await import("../trial/run.ts");
      await testPlan(options);
    },
  );
}

function addFilesystemsTest(cli: Argv<GlobalOptions>) {
  return cli.command(
    "filesystems [name]",
    "Show which filesystems a job selects, and which rule decides",
    (command) =>
      command
        .positional("name", { type: "string", describe: "name of the job" })
        .option("job", { type: "string", describe: "the same, as zrepl has it" })
        .option("all", { type: "boolean", default: false, describe: "all filesystems of this host" })
        .option("input", { type: "string", describe: "this name; it need not exist" })
        .example("$0 test filesystems home --all", "the decision for each")
        .example("$0 test filesystems home --input tank/home/new", ""),
    async ({ name, ...options }) => {
      const { UsageError } = await import("../errors.ts");
      const { testFilesystems } = await import("../trial/run.ts");
      const job = options.job ?? name;
      if (job === undefined) throw new UsageError("must specify --job flag");
      await testFilesystems({ ...options, job });
    },
  );
}

function addPlaceholderTest(cli: Argv<GlobalOptions>) {
  return cli.command(
    "placeholder",
    "Show which filesystems are placeholders",
    (command) =>
      command
        .option("all", { type: "boolean", default: false, describe: "all filesystems of this host" })
        .option("dataset", { type: "string", describe: "this one" })
        .example("$0 test placeholder --all", ""),
    async (options) => {
      const { testPlaceholder } = await import("../trial/run.ts");
      await testPlaceholder(options);
    },
  );
}

function addResumeTokenTest(cli: Argv<GlobalOptions>) {
  return cli.command(
    ["resume-token", "decoderesumetoken"],
    "Decode the token of an interrupted receive",
    (command) =>
      command
        .option("token", { type: "string", demandOption: true, describe: "receive_resume_token" })
        .example("$0 test resume-token --token 1-bf31b879a-b8-789c…", ""),
    async (options) => {
      const { testResumeToken } = await import("../trial/run.ts");
      await testResumeToken(options);
    },
  );
}
