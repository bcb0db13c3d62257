/**
 * A command at one end of a stream, as a child of ours. This uses node:child_process because execa pumps every stream it is
 * given through Node.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex, Readable, Writable } from "node:stream";
import { type ChildRegistry, dieWithUs } from "./children.ts";
import { ProgramMissingError } from "./errors.ts";
import type { CommandResult } from "./runner.ts";

export interface ChildContext {
  readonly children: ChildRegistry;
  readonly env: Record<string, string>;
}

/** stderr is kept up to this length, its end (the reason stands last). */
const MAX_STDERR = 32 * 1024;

/** A sink whose stream comes from us or from a child of ours: the stream ends when we die, and with it the sink. */
export function startSink(argv: readonly string[], context: ChildContext): ChildProcess {
  return startAs(argv, ["pipe", "ignore", "pipe"], context);
}

type Stdio = Duplex | Readable | Writable | number | "pipe" | "ignore";

/** A process group of its own, which the kernel ends when we die. */
export function start(argv: readonly string[], stdio: Stdio[], context: ChildContext): ChildProcess {
  return startAs(dieWithUs(argv), stdio, context);
}

function startAs([program = "", ...args]: readonly string[], stdio: Stdio[], context: ChildContext): ChildProcess {
  const child = spawn(program, args, { env: context.env, stdio, detached: true });
  context.children.add(child);
  return child;
}

export function stdinOf(child: ChildProcess | undefined): Writable {
  if (child?.stdin == null) throw new Error("the sink has no stdin");
  child.stdin.on("error", () => undefined); // EPIPE: the sink's own exit says why
  return child.stdin;
}

/**
 * Waits for a child's end. `onLine` is told every line that it prints on stderr.
 * @throws {ProgramMissingError} when the program of `argv` can't be started
 */
export async function childResult(
  argv: readonly string[],
  child: ChildProcess,
  onLine?: (line: string) => void,
): Promise<CommandResult> {
  let stderr = "";
  let pending = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      onLine?.(line);
      stderr = `${stderr}${line}\n`.slice(-MAX_STDERR);
    }
  });
  const [exitCode, signal] = await childEnd(argv, child);
  stderr += pending;
  if (exitCode === 127 && /^setpriv: failed to execute/m.test(stderr))
    throw new ProgramMissingError(argv[0] ?? "", undefined);
  return { exitCode: exitCode ?? 128, ...(signal === null ? {} : { signal }), stdout: "", stderr };
}

/** Waits until the child has exited and its stderr is read. */
async function childEnd(argv: readonly string[], child: ChildProcess): Promise<[number | null, string | null]> {
  try {
    const [exitCode, signal] = await once(child, "close");
    return [exitCode, signal];
  } catch (error) {
    throw error instanceof Error && "code" in error && error.code === "ENOENT"
      ? new ProgramMissingError(argv[0] ?? "", error)
      : error;
  }
}
