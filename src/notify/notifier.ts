/** Tells others how a run goes: programs, and URLs that are fetched. Each by itself, within its time-out. */
import type { Notification } from "../config/global-config.ts";
import { EXIT } from "../errors.ts";
import { runProgram } from "../hooks/program.ts";
import type { ObservedRun, RunSummary } from "../observers.ts";
import { unreachable } from "../unreachable.ts";

export interface NotifierOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly warn: (message: string) => void;
}

type Http = Extract<Notification, { type: "http" }>;
type Command = Extract<Notification, { type: "command" }>;

export class Notifier {
  readonly #wanted: readonly Notification[];
  readonly #run: ObservedRun;
  readonly #options: NotifierOptions;
  /** Start pings under way: the run does not wait for them, its end does. */
  #starting: readonly Promise<void>[] = [];

  constructor(notifications: readonly Notification[], run: ObservedRun, options: NotifierOptions) {
    this.#run = run;
    this.#options = options;
    this.#wanted = notifications.filter(
      ({ jobs, commands }) =>
        (jobs.length === 0 || jobs.some((job) => run.jobs.includes(job))) &&
        (commands.length === 0 || commands.some((command) => command === run.command)),
    );
  }

  started(): void {
    this.#starting = this.#wanted.map((entry) =>
      entry.type === "http" && entry.start !== undefined ? this.#fetch(entry, entry.start, "") : Promise.resolve(),
    );
  }

  /** Never rejects. */
  async ended(summary: RunSummary): Promise<void> {
    await Promise.all(this.#starting);
    await Promise.all(this.#wanted.map((entry) => this.#tell(entry, ofJobs(summary, entry.jobs))));
  }

  #tell(entry: Notification, summary: RunSummary): Promise<void> {
    switch (entry.type) {
      case "command":
        return this.#call(entry, summary);
      case "http": {
        // the invocation that holds the lock tells
        if (summary.exitCode === EXIT.locked) return Promise.resolve();
        const url = summary.exitCode === EXIT.ok ? entry.success : entry.failure;
        return url === undefined ? Promise.resolve() : this.#fetch(entry, url, describe(summary));
      }
      default:
        return unreachable(entry);
    }
  }

  async #call({ command, when, timeoutSec }: Command, summary: RunSummary): Promise<void> {
    if (when === "failure" && (summary.exitCode === EXIT.ok || summary.exitCode === EXIT.locked)) return;
    const env: Record<string, string> = {
      ...defined(this.#options.env),
      ZREPL_RUN_COMMAND: summary.command,
      ZREPL_RUN_JOBS: this.#run.jobs.join(","),
      ZREPL_RUN_RESULT: summary.exitCode === EXIT.ok ? "success" : "failure",
      ZREPL_RUN_EXIT_CODE: String(summary.exitCode),
      ZREPL_RUN_ERROR: summary.error ?? "",
    };
    const input = `${JSON.stringify(asJson(summary))}\n`;
    const { problem, output } = await runProgram({ argv: command, env, timeoutSec, signal: undefined, input });
    const said = output.trim().split("\n").at(-1);
    if (problem !== undefined) this.#options.warn(`notification ${command[0]}: ${problem}${said ? `: ${said}` : ""}`);
  }

  async #fetch({ timeoutSec }: Http, url: string, body: string): Promise<void> {
    // paths and queries of such URLs are secrets
    const target = new URL(url);
    const { origin, username, password } = target;
    const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8", connection: "close" };
    if (username !== "")
      headers["authorization"] =
        `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
    target.username = "";
    target.password = "";
    try {
      const response = await fetch(target, {
        ...{ method: "POST", body, headers },
        ...{ redirect: "manual", signal: AbortSignal.timeout(timeoutSec * 1000) },
      });
      await response.body?.cancel();
      if (!response.ok) this.#options.warn(`notification ${origin}: HTTP status ${response.status}`);
    } catch (error) {
      this.#options.warn(`notification ${origin}: ${reason(error)}`);
    }
  }
}

/** The same of these jobs only: success and failure are theirs. */
function ofJobs(summary: RunSummary, names: readonly string[]): RunSummary {
  if (names.length === 0) return summary;
  const jobs = summary.jobs.filter(({ job }) => names.includes(job));
  const failed = jobs.find(({ ended }) => ended === undefined || ended.exitCode !== EXIT.ok);
  if (failed !== undefined || jobs.length === 0) return { ...summary, jobs };
  const { error: _error, hint: _hint, ...rest } = summary;
  return { ...rest, jobs, exitCode: EXIT.ok };
}

function describe({ command, exitCode, seconds, error, hint, jobs }: RunSummary): string {
  const lines = jobs.map(({ job, counts, ended }) => {
    const { snapshotsTaken, stepsDone, bytesReplicated, snapshotsDestroyed, filesystemsFailed } = counts;
    const did = `${snapshotsTaken} taken, ${stepsDone} replicated (${bytesReplicated} bytes), ${snapshotsDestroyed} destroyed`;
    return `job ${job}: exit status ${ended?.exitCode ?? "?"}; ${did}, ${filesystemsFailed} filesystems failed`;
  });
  const why = [error, hint === undefined ? undefined : `hint: ${hint}`].filter((line) => line !== undefined);
  return [`zrepl-run ${command}: exit status ${exitCode} after ${seconds.toFixed(1)} s`, ...why, ...lines, ""].join(
    "\n",
  );
}

/** As a program gets it on stdin. */
function asJson({ endMs, jobs, ...rest }: RunSummary) {
  return {
    ...rest,
    time: new Date(endMs).toISOString(),
    jobs: jobs.map(({ job, counts, phases, ended }) => ({ job, ...ended, counts, phases })),
  };
}

/** fetch hides what happened in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

function defined(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
