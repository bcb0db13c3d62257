/** The command line as yargs reads it: commands, options that all of them have, help. */
import type { Argv } from "yargs";
import yargs from "yargs/yargs";
import type { GlobalOptions } from "./cli-options.ts";
import { addAbstraction } from "./commands/abstraction.ts";
import { addAdopt } from "./commands/adopt.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConfigcheck } from "./commands/configcheck.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addInit } from "./commands/init.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addMonitor } from "./commands/monitor.ts";
import { durationSec } from "./commands/options.ts";
import { addPrune } from "./commands/prune.ts";
import { addPull } from "./commands/pull.ts";
import { addPush } from "./commands/push.ts";
import { addReport } from "./commands/report.ts";
import { addRestore } from "./commands/restore.ts";
import { addRun } from "./commands/run.ts";
import { addSnap } from "./commands/snap.ts";
import { addStatus } from "./commands/status.ts";
import { addStdinserver } from "./commands/stdinserver.ts";
import { addSystemd } from "./commands/systemd.ts";
import { addTest } from "./commands/test.ts";
import { addVerify } from "./commands/verify.ts";
import { addVersion } from "./commands/version.ts";
import { COMPLETION_ARGUMENT } from "./completion/argument.ts";
import { UsageError, ZreplRunError } from "./errors.ts";
import { version } from "./version.ts";

const HELP = "see zrepl-run --help, or zrepl-run COMMAND --help";

const EXIT_STATUS = `Exit status:
  0    everything asked for is done
  1    failed: nothing useful could be done
  2    usage or config error; nothing was touched
  3    partial: some filesystems failed, the others are done
  4    the filter matched no filesystem
  75   another invocation holds the lock
  130  interrupted by SIGINT; 143 by SIGTERM`;

/** By name: of a command line that has some of the names, only these are made known to yargs. */
const COMMANDS = new Map<string, (cli: Argv<GlobalOptions>) => unknown>([
  ["run", addRun],
  ["snap", addSnap],
  ["push", addPush],
  ["pull", addPull],
  ["prune", addPrune],
  ["restore", addRestore],
  ["verify", addVerify],
  ["status", addStatus],
  ["report", addReport],
  ["monitor", addMonitor],
  ["configcheck", addConfigcheck],
  ["stdinserver", addStdinserver],
  ["doctor", addDoctor],
  ["test", addTest],
  ["abstraction", addAbstraction],
  ["migrate", addMigrate],
  ["adopt", addAdopt],
  ["systemd", addSystemd],
  ["init", addInit],
  ["completion", addCompletion],
  ["version", addVersion],
]);

/** The program, ready to parse `args` and to run their command. Errors are thrown. */
export function program(args: readonly string[]) {
  requireOnce(args);
  const cli = yargs([...args])
    .scriptName("zrepl-run")
    .usage("$0 COMMAND [JOB..]\n\nSnapshots, replicates and prunes ZFS filesystems; one invocation, no daemon.")
    .option("config", { alias: "c", type: "string", describe: "config file" })
    .option("dry-run", {
      alias: "n",
      type: "boolean",
      default: false,
      describe: "show what would be done, change nothing",
    })
    .option("json", { type: "boolean", default: false, describe: "JSON Lines on stdout" })
    .option("log-level", {
      choices: ["debug", "info", "warn", "error"] as const,
      describe: "what to log on stderr; default: info, or as the config says",
    })
    .option("log-format", {
      choices: ["human", "logfmt", "json"] as const,
      describe: "how to log it; default: human, or as the config says",
    })
    .option("color", {
      type: "boolean",
      // biome-ignore lint/style/noProcessEnv: https://no-color.org
      default: !process.env["NO_COLOR"],
      describe: "colours on a terminal; --no-color or NO_COLOR for none",
    })
    .option("quiet", { alias: "q", type: "boolean", default: false, describe: "only warnings and errors" })
    .option("lock-wait", {
      type: "string",
      default: "0",
      describe: "wait so long for a lock, e.g. 5m",
      coerce: (value: string) => durationSec("lock-wait", value),
    });
  // yargs gives every option in camelCase too; its types know that only at the handlers
  const typed = cli as unknown as Argv<GlobalOptions>;
  const named = [...COMMANDS].filter(([name]) => args.includes(name));
  for (const [, add] of named.length > 0 && args[0] !== COMPLETION_ARGUMENT ? named : COMMANDS) add(typed);
  spareHelp(cli);
  return cli
    .version(version)
    .epilogue(EXIT_STATUS)
    .strict()
    .demandCommand(1, "name a command")
    .exitProcess(false)
    .fail((message, error) => {
      // an option's coerce arrives as an error of yargs's own; only a command's error comes without a message
      throw error instanceof ZreplRunError || !message ? error : new UsageError(message, { hint: HELP });
    });
}

/**
 * yargs lays out the help of every command that it starts, for the case that it fails later; `fail` shows none. That is
 * a tenth of a start.
 */
function spareHelp(cli: unknown): void {
  const internal = cli as { getInternalMethods(): { getUsageInstance(): { cacheHelpMessage(): void } } };
  internal.getInternalMethods().getUsageInstance().cacheHelpMessage = () => undefined;
}

/** Options of all commands with a value. */
const WITH_VALUE = /^(?:-c|--(?:config|log-level|log-format|lock-wait))(?:$|=)/;

/** yargs would make a list of an option that is given twice. @throws {UsageError} */
function requireOnce(args: readonly string[]): void {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const names = own.flatMap((arg) =>
    WITH_VALUE.test(arg) ? [arg.replace(/^-c/, "--config").replace(/=.*$/s, "")] : [],
  );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice`, { hint: HELP });
}

/** The command of a command line that may be wrong. */
export function commandOf(args: readonly string[]): string | undefined {
  const takesValue = (arg = "") => WITH_VALUE.test(arg) && !arg.includes("=");
  return args.find((arg, i) => !arg.startsWith("-") && !takesValue(args[i - 1]));
}
