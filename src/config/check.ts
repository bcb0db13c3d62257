import type { Event } from "../generated/event.ts";
import type { RawConfig } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import { adviseOn } from "./advice/advice.ts";
import type { Config } from "./config.ts";
import { describeJob, describeOutlet } from "./describe.ts";
import { type LoadedConfig, type LoadOptions, loadConfigDocument } from "./load.ts";

export type CheckPart = "all" | "config" | "jobs" | "logging";
export type CheckFormat = "pretty" | "json" | "yaml" | "events";

/** The one thing that is needed of stdout and stderr. */
export interface Output {
  write(text: string): unknown;
}

export interface CheckRequest {
  readonly load: LoadOptions;
  readonly what: CheckPart;
  readonly format: CheckFormat;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Names of all filesystems and volumes of this host; absent, or undefined: not known. */
  readonly datasets?: () => Promise<readonly string[] | undefined>;
}

/**
 * `configcheck`: loads the config, says what is in it (stdout) and what has no effect or is surely not meant (stderr).
 * @throws {ConfigError} with all problems
 */
export async function checkConfig({ load, what, format, stdout, stderr, datasets }: CheckRequest): Promise<void> {
  const loaded = await loadConfigDocument(load);
  if (what === "all" || what === "jobs")
    for (const { job, key, text } of adviseOn(loaded.config, await datasets?.())) loaded.warn(job, key, text);
  stdout.write(await render(loaded, what, format));
  const { daemonWarnings } = await import("./zrepl-daemon.ts");
  const names = loaded.config.jobs.map(({ name }) => name);
  const daemon = await daemonWarnings(loaded.config, names);
  for (const message of [...loaded.config.warnings, ...daemon])
    if (format === "events") stdout.write(line({ event: "log", level: "warn", message }));
    else stderr.write(`warning: ${message}\n`);
}

async function render({ config, effective }: LoadedConfig, what: CheckPart, format: CheckFormat): Promise<string> {
  switch (format) {
    case "pretty":
      return renderLines(config, what);
    case "json":
      return `${JSON.stringify(partOf(effective, what))}\n`;
    case "events":
      return line({ event: "config", part: what, value: partOf(effective, what) });
    case "yaml": {
      const { stringify } = await import("yaml");
      return stringify(partOf(effective, what), { version: "1.1", aliasDuplicateObjects: false });
    }
    default:
      return unreachable(format);
  }
}

function line(event: Event): string {
  return `${JSON.stringify(event)}\n`;
}

/** The config as zrepl writes it, included jobs and defaults filled in. */
function partOf(effective: RawConfig, what: CheckPart): object {
  if (what === "jobs") return effective.jobs;
  return what === "logging" ? effective.global.logging : effective;
}

function renderLines({ file, jobs, global }: Config, what: CheckPart): string {
  if (what === "config") return `${file}: ${jobs.length} job${jobs.length === 1 ? "" : "s"}, no problems\n`;
  if (what === "logging") return lines((global.logging ?? []).map(describeOutlet));
  const width = Math.max(0, ...jobs.map(({ name }) => name.length));
  return lines(jobs.map((job) => `${job.name.padEnd(width)}  ${job.type.padEnd(6)}  ${describeJob(job)}`));
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
