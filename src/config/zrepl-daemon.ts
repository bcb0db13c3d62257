/** zrepl's daemon, if it runs: it knows nothing of our locks, so the same job must not run in both (zrepl-behaviour.md §7.3). */
import { existsSync } from "node:fs";
import type { Config } from "./config.ts";

/** A daemon answers at once; one that does not is no reason to wait. */
const TIMEOUT_MS = 1000;
const MAX_ANSWER_BYTES = 16 << 20;

/**
 * A sentence per reason to worry, empty if there is none. Where no socket is, nothing is tried.
 * @param names of the jobs that are about to run
 */
export async function daemonWarnings({ global }: Pick<Config, "global">, names: readonly string[]): Promise<string[]> {
  const socketPath = global.controlSocket;
  if (socketPath === undefined || !existsSync(socketPath)) return [];
  const jobs = await daemonJobs(socketPath);
  if (jobs === undefined) return [];
  const advice = "neither knows of the other's work: stop the daemon, or take the job out of its config";
  if (jobs === "unknown")
    return [`a zrepl daemon answers at ${socketPath}, which jobs it has can't be told; ${advice}`];
  return names
    .filter((name) => jobs.includes(name))
    .map((name) => `a zrepl daemon is running with job ${JSON.stringify(name)} too (${socketPath}); ${advice}`);
}

/** Names of the daemon's jobs; undefined = none answers. */
async function daemonJobs(socketPath: string): Promise<readonly string[] | "unknown" | undefined> {
  const { request } = await import("node:http");
  const text = await new Promise<string | undefined>((resolve) => {
    const options = { socketPath, path: "/status", signal: AbortSignal.timeout(TIMEOUT_MS), agent: false } as const;
    const asking = request(options, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length > MAX_ANSWER_BYTES) response.destroy();
      });
      response.on("close", () => resolve(body));
    });
    asking.on("error", () => resolve(undefined));
    asking.end();
  });
  return text === undefined ? undefined : jobsIn(text);
}

/** Of `{"Jobs": {NAME: …}}`; before zrepl 0.3 the jobs were the whole. */
function jobsIn(status: string): readonly string[] | "unknown" {
  try {
    const answer: unknown = JSON.parse(status);
    if (typeof answer !== "object" || answer === null) return "unknown";
    const jobs: unknown = "Jobs" in answer ? answer.Jobs : answer;
    return typeof jobs === "object" && jobs !== null ? Object.keys(jobs) : "unknown";
  } catch {
    return "unknown";
  }
}
