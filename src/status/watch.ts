/** `status --watch`: the same again and again; on a terminal in place, else a line where something has changed. */
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "../config/config.ts";
import type { Invocation, InvocationOptions } from "../invocation.ts";
import { lookAtJobs, nowOf } from "./look.ts";
import { type Terminal, terminalOf } from "./output.ts";
import type { JobSummary } from "./summarize.ts";
import { jobLine } from "./words.ts";

const EVERY_MS = 2000;
/** Looking at large pools may take a tenth of the time, not all of it. */
const MAX_LOAD = 0.1;
/** Without a terminal every line stays: what only counts on comes less often. */
const LINES_EVERY_SEC = 10;

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/** Until a signal, or `q` on a terminal. */
export async function watchStatus(
  jobs: readonly Job[],
  options: InvocationOptions,
  invocation: Invocation,
): Promise<void> {
  const terminal = terminalOf(process.stdout, options, invocation.env ?? {});
  const quit = new AbortController();
  const signal = AbortSignal.any([quit.signal, invocation.interrupted]);
  const screen = terminal.isTerminal && invocation.reporter.wantsText ? openScreen(terminal, quit) : undefined;
  const lines = lineWriter(invocation);
  try {
    while (!quit.signal.aborted) {
      const startMs = performance.now();
      const { summaries, outcome } = await lookAtJobs(jobs, invocation);
      await outcome.catch(() => undefined); // it is in the picture, and may pass
      if (screen === undefined) lines(summaries);
      else screen.show(summaries, nowOf(invocation));
      const tookMs = performance.now() - startMs;
      await delay(Math.max(EVERY_MS - tookMs, tookMs / MAX_LOAD - tookMs), undefined, { signal }).catch(
        () => undefined,
      );
      invocation.interrupted.throwIfAborted();
    }
  } finally {
    screen?.close();
  }
}

/** Text: the line of each job whose state has changed, or that has been silent for a while. JSON: the jobs' events. */
function lineWriter({ reporter, nowMs }: Invocation): (summaries: readonly JobSummary[]) => void {
  const last = new Map<string, { readonly line: string; readonly atMs: number }>();
  return (summaries) => {
    for (const { job } of summaries) {
      if (!reporter.wantsText) {
        reporter.emit({ event: "jobStatus", ...job });
        continue;
      }
      const before = last.get(job.job);
      const line = jobLine(job);
      const isNews = before === undefined || withoutNumbers(before.line) !== withoutNumbers(line);
      if (!isNews && (before.line === line || nowMs() - before.atMs < LINES_EVERY_SEC * 1000)) continue;
      last.set(job.job, { line, atMs: nowMs() });
      process.stdout.write(`${line}\n`);
      for (const problem of job.problems) process.stdout.write(`problem: ${problem}\n`);
    }
  };
}

/** Ages and percentages change all the time; that is no news. */
function withoutNumbers(line: string): string {
  return line.replaceAll(/\d+/g, "");
}

interface Screen {
  show(summaries: readonly JobSummary[], nowSec: number): void;
  close(): void;
}

/** The terminal's other screen, so that what was there before comes back. */
function openScreen(terminal: Terminal, quit: AbortController): Screen {
  const { stdin, stdout } = process;
  let shown: { readonly summaries: readonly JobSummary[]; readonly nowSec: number } | undefined;
  const draw = () => {
    if (shown === undefined) return;
    const rows = stdout.rows || 24;
    const all = terminal.render(shown.summaries, shown.nowSec);
    const footer = `${new Date(shown.nowSec * 1000).toLocaleTimeString()}  q: end`;
    const hidden = all.length - (rows - 1);
    const lines = hidden > 0 ? [...all.slice(0, rows - 2), `… ${hidden + 1} more lines`] : all;
    stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K\n`).join("")}${footer}\x1b[K\x1b[J`);
  };
  const onKey = (key: Buffer) => {
    const text = key.toString();
    if (text.includes("q")) quit.abort();
    if (text.includes("\x03")) process.kill(process.pid, "SIGINT");
  };
  stdout.write(ENTER);
  stdout.on("resize", draw);
  if (stdin.isTTY) stdin.setRawMode(true).on("data", onKey).resume();
  return {
    show: (summaries, nowSec) => {
      shown = { summaries, nowSec };
      draw();
    },
    close: () => {
      stdout.off("resize", draw);
      if (stdin.isTTY) stdin.setRawMode(false).off("data", onKey).pause();
      stdout.write(LEAVE);
    },
  };
}
