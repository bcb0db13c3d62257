/**
 * The only door to other processes. Argument vectors only: no shell ever sees a name. Tests pass a simulated ZFS.
 */
import { type ExecaError, execa } from "execa";
import { ChildRegistry, childEnvironment, dieWithUs } from "./children.ts";
import { ProgramMissingError } from "./errors.ts";
import { type StreamEnd, type TransferOptions, type TransferResult, transferStream } from "./transfer.ts";

export interface CommandResult {
  /** 0–255; 128 when the command was killed by a signal. */
  readonly exitCode: number;
  /** The signal that ended the command. */
  readonly signal?: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Text for the command's stdin; without it stdin is empty. */
  readonly input?: string;
  /** Gets stdout piece by piece, to keep, instead of `CommandResult.stdout`, which is then empty. */
  readonly onStdout?: (chunk: Buffer) => void;
}

export interface Runner {
  /**
   * Runs a command to its end. A non-zero exit is a result, not an exception.
   * @throws {ProgramMissingError} when the program can't be started; the abort reason after an abort.
   */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /**
   * Connects a stream's source to its sink, waits for both. At least one of them is a command.
   * @throws as `run`
   */
  transfer(source: StreamEnd, sink: StreamEnd, options?: TransferOptions): Promise<TransferResult>;
}

export interface RunnerOptions {
  /** Aborting it ends all children (process groups) and refuses new ones. */
  readonly signal: AbortSignal;
  /** Told of every command before it starts (debug log). */
  readonly onCommand?: (argv: readonly string[]) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The runner for real processes. */
export function createRunner(options: RunnerOptions): Runner {
  const children = new ChildRegistry(options.signal);
  const env = childEnvironment(options.env);
  return {
    run: async (argv, run = {}) => {
      options.signal.throwIfAborted();
      options.onCommand?.(argv);
      return runCommand(argv, run, children, env, options.signal);
    },
    transfer: async (source, sink, transfer = {}) => {
      options.signal.throwIfAborted();
      for (const end of [source, sink]) if (end.kind === "command") options.onCommand?.(end.argv);
      return transferStream(source, sink, transfer, { children, env, signal: options.signal });
    },
  };
}

async function runCommand(
  argv: readonly string[],
  { input, onStdout }: RunOptions,
  children: ChildRegistry,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<CommandResult> {
  const [program = "", ...args] = dieWithUs(argv);
  const child = execa(program, args, {
    env,
    extendEnv: false,
    detached: true, // a process group of its own, so that all of it can be ended
    cleanup: false, // ChildRegistry does it, and waits
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 1 << 30,
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    stdout: "pipe",
    buffer: { stdout: onStdout === undefined },
  });
  children.add(child);
  if (onStdout !== undefined) child.stdout?.on("data", onStdout);
  const result = await child;
  signal.throwIfAborted();
  if (result.failed && result.exitCode === undefined && result.signal === undefined) throw startFailure(argv, result);
  return commandResult(argv, result);
}

function startFailure(argv: readonly string[], error: ExecaError | { cause?: unknown }): Error {
  const cause: unknown = error.cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return new ProgramMissingError(argv[0] ?? "", cause);
  return cause instanceof Error ? cause : new Error(`cannot start ${argv[0]}`, { cause });
}

function commandResult(
  argv: readonly string[],
  result: { exitCode?: number; signal?: string; stdout?: unknown; stderr?: unknown },
): CommandResult {
  // setpriv says with 127 that the program it should become is not there
  if (result.exitCode === 127 && /^setpriv: failed to execute/m.test(String(result.stderr)))
    throw new ProgramMissingError(argv[0] ?? "", undefined);
  return {
    exitCode: result.exitCode ?? 128,
    ...(result.signal === undefined ? {} : { signal: result.signal }),
    stdout: typeof result.stdout === "string" ? result.stdout : "",
    stderr: typeof result.stderr === "string" ? result.stderr : "",
  };
}
