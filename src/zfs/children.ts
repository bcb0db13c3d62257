/** Children die with us: by signal while we live, by the kernel's parent-death signal when we are killed. */
import { accessSync, constants } from "node:fs";
import type { Readable } from "node:stream";

/** How long a child may take after SIGTERM before SIGKILL. A `zfs recv` first saves its partial state. */
const KILL_AFTER_MS = 10_000;

interface Child {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  readonly stdout?: Readable | null;
  once(event: "exit" | "error", listener: () => void): unknown;
}

/** The children that run now. When `signal` aborts, their process groups are ended. */
export class ChildRegistry {
  readonly #running = new Set<Child>();

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => {
      for (const child of this.#running) endProcessGroup(child);
    });
  }

  add(child: Child): void {
    this.#running.add(child);
    const forget = () => this.#running.delete(child);
    child.once("exit", forget);
    child.once("error", forget);
  }
}

/** Asks a child and its descendants to end: SIGTERM, after ten seconds SIGKILL. */
export function endProcessGroup(child: Child): void {
  if (!isRunning(child)) return;
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_AFTER_MS);
  timer.unref();
  child.once("exit", () => clearTimeout(timer));
}

function isRunning(child: Child): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function signalGroup(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined || !isRunning(child)) return;
  try {
    process.kill(-child.pid, signal); // the child leads its own group: spawned with detached
  } catch {
    // it ended in the meantime
  }
}

/** The environment of children: ours, with messages in English and numbers without grouping. */
export function childEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) if (value !== undefined) copy[key] = value;
  return { ...copy, LC_ALL: "C", LANG: "C" };
}

let setpriv: boolean | undefined;

/**
 * The argument vector that runs `argv` so that the kernel ends it when we are killed (SIGKILL, out of memory): with the
 * data path outside Node, an orphaned send|recv pair would run on and make the next run meet a busy filesystem.
 */
export function dieWithUs(argv: readonly string[]): readonly string[] {
  setpriv ??= process.platform === "linux" && isExecutable("/usr/bin/setpriv");
  return setpriv ? ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--", ...argv] : argv;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
