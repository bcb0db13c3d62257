/** The story of `report --html`: observe → summarize → one page, put in place at once. */
import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { FailedError } from "../errors.ts";
import { type InvocationOptions, selectJobs, withInvocation } from "../invocation.ts";
import { renderPage } from "./html.ts";
import { lookAtJobs, nowOf } from "./look.ts";

export interface ReportOptions extends InvocationOptions {
  /** None = all. */
  readonly jobs: readonly string[];
  /** The file to write. */
  readonly html: string;
}

/** @throws as `lookAtJobs`, after what could be seen was written */
export function report(options: ReportOptions): Promise<void> {
  return withInvocation(options, async (invocation) => {
    const types = ["snap", "push", "pull", "sink", "source"] as const;
    const jobs = selectJobs(invocation.config, options.jobs, options.jobs.length === 0, types);
    const { summaries, outcome } = await lookAtJobs(jobs, invocation);
    const time = new Date(invocation.nowMs()).toLocaleString("sv-SE", { timeZoneName: "short" });
    replaceFile(options.html, renderPage(summaries, { nowSec: nowOf(invocation), host: hostname(), time }));
    await outcome;
  });
}

/** A reader sees the old page or the new one. */
function replaceFile(path: string, content: string): void {
  const fresh = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  try {
    writeFileSync(fresh, content, { flag: "wx", mode: 0o644 });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new FailedError(`cannot write ${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
