import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";

/** Adds `zrepl-run migrate`; the work is in src/migrate/. */
export function addMigrate(cli: Argv<GlobalOptions>) {
  return cli.command(
    "migrate",
    "Change over from old formats of zrepl, another job name, or sanoid",
    (command) => {
      addReplicationCursor(command);
      addPlaceholder(command);
      addJobName(command);
      addConfig(command);
      return command.demandCommand(1, "say what to migrate");
    },
    () => undefined,
  );
}

async function load() {
  const [story, { withInvocation }] = await Promise.all([import("../migrate/run.ts"), import("../invocation.ts")]);
  return { story, withInvocation };
}

function addReplicationCursor(cli: Argv<GlobalOptions>) {
  return cli.command(
    ["replication-cursor", "replication-cursor:v1-v2"],
    "Destroy the cursors of zrepl before 0.3 where the job has its own by now",
    (command) => command.example("$0 migrate replication-cursor --dry-run", ""),
    async (options) => {
      const { story, withInvocation } = await load();
      await withInvocation(options, story.migrateReplicationCursor);
    },
  );
}

function addPlaceholder(cli: Argv<GlobalOptions>) {
  return cli.command(
    ["placeholder", "0.0.X:0.1:placeholder"],
    "Mark the placeholders of zrepl 0.0 as they are marked since",
    (command) => command.example("$0 migrate placeholder --dry-run", ""),
    async (options) => {
      const { story, withInvocation } = await load();
      await withInvocation(options, story.migratePlaceholder);
    },
  );
}

function addJobName(cli: Argv<GlobalOptions>) {
  return cli.command(
    "job-name <old> <new>",
    "Rename the holds and bookmarks of a job on this host",
    (command) =>
      command
        .positional("old", { type: "string", demandOption: true, describe: "the job's name so far" })
        .positional("new", { type: "string", demandOption: true, describe: "its new name" })
        .example("$0 migrate job-name --dry-run home home_to_vault", ""),
    async (options) => {
      const [{ migrateJobName }, { withInvocation }] = await Promise.all([
        import("../migrate/job-name.ts"),
        import("../invocation.ts"),
      ]);
      await withInvocation({ ...options, configOptional: true }, (invocation) =>
        migrateJobName(options.old, options.new, invocation),
      );
    },
  );
}

function addConfig(cli: Argv<GlobalOptions>) {
  return cli.command(
    "config <file>",
    "Print a config of the same meaning as another tool's",
    (command) =>
      command
        .positional("file", { type: "string", demandOption: true, describe: "the tool's config" })
        .option("from", { choices: ["sanoid"] as const, demandOption: true, describe: "the tool" })
        .example("$0 migrate config --from sanoid /etc/sanoid/sanoid.conf", "")
        .option("syncoid", {
          type: "string",
          array: true,
          nargs: 1,
          default: [] as string[],
          describe: "a syncoid command line, quoted; may be given several times",
        }),
    async ({ file, syncoid }) => {
      const [{ migrateSanoid }, { readInput }] = await Promise.all([
        import("../migrate/sanoid/config.ts"),
        import("../read-input.ts"),
      ]);
      process.stdout.write(migrateSanoid(readInput(file), file, syncoid));
    },
  );
}
