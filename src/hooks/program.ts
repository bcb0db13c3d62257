/**
 * The door to hook programs. Unlike zfs (src/zfs/runner.ts) they have a time-out, their output is bounded, and the post edges
 * among them still start after an interruption.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { dieWithUs } from "../zfs/children.ts";
import { LineSplitter, Tail } from "./tail.ts";

/** zrepl's ZREPL_MAX_HOOK_LOG_SIZE. */
export const MAX_OUTPUT_BYTES = 1 << 20;

/** Between SIGTERM and SIGKILL of a hook whose time is over. */
const GRACE_MS = 1000;
/** How long after its end a program's output is waited for: a daemon that it started may hold the pipe open for ever. */
const DRAIN_MS = 500;

export interface ProgramRequest {
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSec: number;
  /** Ends the program early; undefined = nothing does, but the time-out. */
  readonly signal: AbortSignal | undefined;
  /** For its stdin; absent = empty. */
  readonly input?: string;
  readonly onLine?: (stream: "stdout" | "stderr", line: string) => void;
}

export interface ProgramResult {
  /** `exit status 1`, `signal: killed`, `timed out after 2s: signal: killed`, `executable file not found`; undefined = success. */
  readonly problem: string | undefined;
  /** stdout and stderr together, in order of arrival; the last mebibyte. */
  readonly output: string;
}

/** Runs a program to its end, or to the end of its process group when the time is over. Never rejects. */
export function runProgram(request: ProgramRequest): Promise<ProgramResult> {
  const output = new Tail(MAX_OUTPUT_BYTES);
  const [program = "", ...args] = dieWithUs(request.argv);
  const child = spawn(program, args, { env: request.env, stdio: ["pipe", "pipe", "pipe"], detached: true });
  child.stdin.on("error", () => undefined); // who does not read it may
  child.stdin.end(request.input);
  const splitters = (["stdout", "stderr"] as const).map((stream) => {
    const splitter = new LineSplitter((line) => request.onLine?.(stream, line));
    child[stream].on("data", (chunk: Buffer) => {
      output.push(chunk);
      splitter.push(chunk);
    });
    return splitter;
  });
  return new Promise((resolve) => {
    const guard = endInTime(child, request.timeoutSec, request.signal);
    const finish = (problem: string | undefined) => {
      guard.stop();
      for (const splitter of splitters) splitter.end();
      resolve({ problem, output: output.toString() });
    };
    child.once("error", (error) => finish(startProblem(error)));
    child.once("exit", (code, signal) => {
      const problem = guard.describe(exitProblem(code, signal));
      const drained = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
      child.once("close", () => {
        clearTimeout(drained);
        finish(missingProgram(code, output) ?? problem);
      });
    });
  });
}

/** What ends a child early, and how that reads. */
export interface Guard {
  stop(): void;
  describe(problem: string | undefined): string | undefined;
}

/** Ends the child's whole process group when its time is over or `signal` aborts: SIGTERM, a second later SIGKILL. */
export function endInTime(child: ChildProcess, timeoutSec: number, signal: AbortSignal | undefined): Guard {
  let cause: string | undefined;
  let kill: NodeJS.Timeout | undefined;
  const end = (why: string) => {
    if (cause !== undefined) return;
    cause = why;
    signalGroup(child, "SIGTERM");
    kill = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
    // what the program leaves behind when it ends by itself goes too
    child.once("exit", () => signalGroup(child, "SIGKILL"));
  };
  const timer = setTimeout(() => end(`timed out after ${formatTimeout(timeoutSec)}`), timeoutSec * 1000);
  const onAbort = () => end("interrupted");
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  return {
    stop: () => {
      clearTimeout(timer);
      clearTimeout(kill);
      signal?.removeEventListener("abort", onAbort);
    },
    describe: (problem) => (cause === undefined ? problem : `${cause}: ${problem ?? "exit status 0"}`),
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal); // it leads its own group: spawned with detached
  } catch {
    // nobody is left in it
  }
}

const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGKILL: "signal: killed",
  SIGTERM: "signal: terminated",
  SIGINT: "signal: interrupt",
  SIGHUP: "signal: hangup",
  SIGSEGV: "signal: segmentation fault",
};

/** As Go words it; undefined = success. */
export function exitProblem(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return SIGNALS[signal] ?? `signal: ${signal}`;
  return code === 0 ? undefined : `exit status ${code}`;
}

/** setpriv, not spawn, finds out that the program it should become can't be run. */
function missingProgram(code: number | null, output: Tail): string | undefined {
  if (code !== 126 && code !== 127) return undefined;
  return /^setpriv: failed to execute (.*)$/m.exec(output.toString())?.[1];
}

export function startProblem(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "executable file not found";
  return code === "EACCES" ? "permission denied" : error.message;
}

/** `2` → `2s`, `0.5` → `500ms`: as short as Go prints it. */
export function formatTimeout(sec: number): string {
  return sec < 1 ? `${Math.round(sec * 1000)}ms` : `${sec}s`;
}
