import type { Argv } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { UsageError } from "../errors.ts";
import { instantSec } from "./options.ts";

/** Adds `zrepl-run abstraction`; the work is in src/abstraction/. */
export function addAbstraction(cli: Argv<GlobalOptions>) {
  return cli.command(
    ["abstraction", "zfs-abstraction", "holds"],
    "List or release the holds and bookmarks that belong to jobs",
    (command) => {
      addList(command);
      addReleaseStale(command);
      addReleaseAll(command);
      return command.demandCommand(1, "say list, release-stale or release-all");
    },
    () => undefined,
  );
}

function withFilters<T>(cli: Argv<T>) {
  return cli
    .option("fs", {
      type: "string",
      describe: "only of this filesystem, or tank/data< for a subtree; also PATTERN:ok,PATTERN:!",
    })
    .option("job", { type: "string", array: true, nargs: 1, default: [] as string[], describe: "only of this job" })
    .option("type", {
      type: "string",
      array: true,
      nargs: 1,
      default: [] as string[],
      describe: "only of these types, with commas between them",
    })
    .option("until", {
      type: "string",
      describe: "only of snapshots not younger than this: a time, or an age such as 30d",
      coerce: (value: string | undefined) => (value === undefined ? undefined : instantSec("until", value, Date.now())),
    });
}

function withOrphans<T>(cli: Argv<T>) {
  return cli.option("orphans", {
    type: "boolean",
    default: false,
    describe: "also those that no job of the config looks after",
  });
}

interface Filters extends GlobalOptions {
  readonly fs?: string | undefined;
  readonly job: readonly string[];
  readonly type: readonly string[];
  readonly until?: number | undefined;
}

async function load(options: Filters) {
  const [story, { parseFilesystems, parseTypes }, { withInvocation }] = await Promise.all([
    import("../abstraction/run.ts"),
    import("../abstraction/select.ts"),
    import("../invocation.ts"),
  ]);
  const filter = {
    filesystems: parseFilesystems(options.fs),
    jobs: options.job,
    types: parseTypes(options.type),
    untilSec: options.until,
  };
  return { story, filter, withInvocation };
}

function addList(cli: Argv<GlobalOptions>) {
  return cli.command(
    "list",
    "List them, those that are stale or orphans with the reason",
    (command) => withFilters(command).example("$0 abstraction list --job home", ""),
    async (options) => {
      const { story, filter, withInvocation } = await load(options);
      await withInvocation({ ...options, configOptional: true }, (invocation) =>
        story.listAbstractions(filter, invocation),
      );
    },
  );
}

function addReleaseStale(cli: Argv<GlobalOptions>) {
  return cli.command(
    "release-stale",
    "Release what a finished replication would have released",
    (command) => withOrphans(withFilters(command)).example("$0 abstraction release-stale --dry-run", ""),
    async (options) => {
      const { story, filter, withInvocation } = await load(options);
      await withInvocation({ ...options, configOptional: true }, (invocation) =>
        story.releaseMatching(filter, { what: "stale", orphans: options.orphans }, invocation),
      );
    },
  );
}

function addReleaseAll(cli: Argv<GlobalOptions>) {
  return cli.command(
    "release-all",
    "Release all of them: without common snapshots, the next replication is a full one",
    (command) =>
      withOrphans(withFilters(command))
        .option("yes", {
          type: "boolean",
          default: false,
          describe: "really do it",
        })
        .example("$0 abstraction release-all --dry-run --job gone", ""),
    async (options) => {
      if (!options.yes && !options.dryRun)
        throw new UsageError(
          "release-all takes away what keeps the next replication incremental; nothing was released",
          {
            hint: "look with --dry-run at what it would release, then add --yes",
          },
        );
      const { story, filter, withInvocation } = await load(options);
      await withInvocation({ ...options, configOptional: true }, (invocation) =>
        story.releaseMatching(filter, { what: "all", orphans: options.orphans }, invocation),
      );
    },
  );
}
