/** The story of `systemd`: units of jobs, printed or installed; or cron lines. */
import { basename, dirname, join } from "node:path";
import type { GlobalOptions } from "../cli-options.ts";
import type { Config, Job } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { UsageError } from "../errors.ts";
import { selectJobs } from "../invocation.ts";
import { crontabLine } from "./crontab.ts";
import { installUnits } from "./install.ts";
import { type JobUnits, planUnits, type UnitSite } from "./plan.ts";

export interface TimerOptions extends GlobalOptions {
  readonly jobs: readonly string[];
  readonly all: boolean;
  readonly install: boolean;
  readonly dir: string | undefined;
  readonly user: boolean;
  readonly cron: boolean;
  readonly onCalendar: string | undefined;
  readonly jitter: number | undefined;
}

/** The one thing that is needed of stdout and stderr. */
interface Output {
  write(text: string): unknown;
}

/** What the process knows of itself. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** @throws {ConfigError} @throws {UsageError} @throws {FailedError} as `installUnits` */
export async function makeTimers(options: TimerOptions, surroundings: Surroundings): Promise<void> {
  const { env, stdout, stderr } = surroundings;
  const config = await loadConfig({ file: options.config, env });
  const jobs = selectJobs(config, options.jobs, options.all, ["snap", "push", "pull", "sink", "source"]);
  const site = siteOf(options, config, surroundings);
  const command = [...site.program, ...site.options];
  if (options.cron) {
    print(options.json, stdout, "/etc/cron.d/zrepl-run", crontab(jobs, command), "");
    return;
  }
  const units = jobs.map((job) => ({ job: job.name, ...planUnits(job, site) }));
  for (const { job, notes } of units) for (const note of notes) stderr.write(`${job}: ${note}\n`);
  const dir = options.dir ?? defaultDir(options.user, env);
  if (options.install && !options.dryRun) install(units, dir, options, stdout);
  else
    for (const { job, files } of units)
      for (const { name, text } of files) print(options.json, stdout, join(dir, name), text, job);
}

/** As `systemctl cat` shows a file. */
function print(json: boolean, stdout: Output, path: string, text: string, job: string): void {
  if (json) stdout.write(`${JSON.stringify({ event: "planText", job, text: `# ${path}\n${text}` })}\n`);
  else stdout.write(`# ${path}\n${text}\n`);
}

function install(units: readonly JobUnits[], dir: string, { user, json }: TimerOptions, stdout: Output): void {
  const installed = installUnits(
    dir,
    units.flatMap(({ files }) => files),
  );
  const enable = units.flatMap(({ enable: names }) => names);
  const systemctl = user ? "systemctl --user" : "systemctl";
  const lines = [
    ...[...installed].map(([name, how]) => `${join(dir, name)}: ${how}`),
    ...(installed.size === 0 ? ["nothing to install"] : ["", "Now run:", `  ${systemctl} daemon-reload`]),
    ...(enable.length === 0 ? [] : [`  ${systemctl} enable --now ${enable.map(shellWord).join(" ")}`]),
  ];
  if (json) for (const text of lines) stdout.write(`${JSON.stringify({ event: "planText", job: "", text })}\n`);
  else stdout.write(`${lines.join("\n")}\n`);
}

function shellWord(word: string): string {
  return word.includes("\\") ? `'${word}'` : word;
}

function crontab(jobs: readonly Job[], command: readonly string[]): string {
  const head = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nMAILTO=root\n";
  return head + jobs.map((job) => crontabLine(job, command)).join("");
}

function defaultDir(user: boolean, env: Surroundings["env"]): string {
  if (!user) return "/etc/systemd/system";
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? "", ".config"), "systemd/user");
}

function siteOf(options: TimerOptions, config: Config, { argv, execPath, env }: Surroundings): UnitSite {
  if (options.cron && options.install) throw new UsageError("--cron only prints; write what it prints to /etc/cron.d");
  const program = argv[1] ?? "";
  // a program of the PATH starts by itself; one in a checkout, or a runtime in a home directory, does not
  const startsByItself =
    basename(program) === "zrepl-run" && ["/usr/bin", "/usr/local/bin", "/bin"].includes(dirname(execPath));
  const isChosen = options.config !== undefined || (env["ZREPL_RUN_CONFIG"] ?? "") !== "";
  return {
    program: startsByItself ? [program] : [execPath, program],
    options: isChosen ? ["-c", config.file] : [],
    user: options.user,
    onCalendar: options.onCalendar,
    jitterSec: options.jitter,
    global: config.global,
  };
}
