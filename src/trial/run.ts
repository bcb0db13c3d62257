/** What the `test` commands have in common: a config, a job of it, files, and lines on stdout. */
import { Chalk } from "chalk";
import type { GlobalOptions } from "../cli-options.ts";
import type { Config, Job } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { UsageError } from "../errors.ts";
import { selectJobs } from "../invocation.ts";
import { readInput } from "../read-input.ts";
import type { Event } from "../report/events.ts";
import { createRunner, type Runner } from "../zfs/runner.ts";
import { tryFilter } from "./filesystems.ts";
import { tryPlaceholder } from "./placeholder.ts";
import { tryPlan } from "./plan.ts";
import { tryPrune } from "./prune.ts";
import { tryResumeToken } from "./resume-token.ts";

type WithJob = GlobalOptions & { readonly job: string };

const { env } = process;

async function jobOf<T extends Job["type"]>(
  options: WithJob,
  types: readonly T[],
): Promise<{ readonly config: Config; readonly job: Extract<Job, { type: T }> }> {
  const config = await loadConfig({ file: options.config, env });
  const [job] = selectJobs(config, [options.job], false, types);
  if (job === undefined) throw new UsageError("must specify a job");
  return { config, job };
}

/** Lines for people; with `--json` each is an event. */
function printText(lines: readonly string[], json: boolean): void {
  const event = (text: string): Event => ({ event: "planText", text });
  print(json ? lines.map((text) => JSON.stringify(event(text))) : lines);
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

function runner(): Runner {
  return createRunner({ signal: new AbortController().signal, env });
}

export async function testPrune(
  options: WithJob & {
    readonly side?: "sender" | "receiver" | undefined;
    readonly snapshots: string;
    readonly cursor?: string | undefined;
  },
): Promise<void> {
  const { job } = await jobOf(options, ["snap", "push", "pull", "sink", "source"]);
  const { side, cursor, json } = options;
  if (cursor !== undefined && !/^\d+$/.test(cursor))
    throw new UsageError(`--cursor: ${JSON.stringify(cursor)} is not a guid`);
  const chalk = new Chalk({ level: 1 });
  const colors = { keep: chalk.green, destroy: chalk.red, held: chalk.yellow };
  const paint =
    options.color && process.stdout.isTTY ? (fate: keyof typeof colors, text: string) => colors[fate](text) : undefined;
  const nowSec = Math.floor(Date.now() / 1000);
  print(tryPrune({ job, side, cursor, json, nowSec, paint, snapshots: readInput(options.snapshots) }));
}

export async function testPlan(
  options: WithJob & { readonly sender: string; readonly receiver: string; readonly receiverRoot?: string | undefined },
): Promise<void> {
  const { config, job } = await jobOf(options, ["push", "pull"]);
  if (options.sender === "-" && options.receiver === "-")
    throw new UsageError("only one of --sender and --receiver can be stdin");
  const [sender, receiver] = [readInput(options.sender), readInput(options.receiver)];
  const { receiverRoot, json } = options;
  print(tryPlan({ job, config, sender, receiver, receiverRoot, json }));
}

export async function testFilesystems(
  options: WithJob & { readonly all: boolean; readonly input?: string | undefined },
): Promise<void> {
  if (options.all === (options.input !== undefined)) throw new UsageError("must set one: --all or --input");
  const { job } = await jobOf(options, ["snap", "push", "source"]);
  printText(await tryFilter(runner(), job.filesystems, options.input), options.json);
}

export async function testPlaceholder(options: {
  readonly all: boolean;
  readonly dataset?: string | undefined;
  readonly json: boolean;
}): Promise<void> {
  if (options.all === (options.dataset !== undefined)) throw new UsageError("must set one: --all or --dataset");
  printText(await tryPlaceholder(runner(), options.dataset), options.json);
}

export async function testResumeToken(options: { readonly token: string; readonly json: boolean }): Promise<void> {
  printText([await tryResumeToken(runner(), options.token)], options.json);
}
