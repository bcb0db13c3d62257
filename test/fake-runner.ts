import type { CommandResult, Runner } from "../src/zfs/runner.ts";
import { runXargs } from "./xargs.ts";

export type Answer = Partial<CommandResult> | undefined;

export interface FakeRunner extends Runner {
  /** What was run, each as one line, in order. */
  readonly commands: string[];
}

/** A runner that asks `answer` instead of starting processes; undefined = exit 0 without output. */
export function fakeRunner(answer: (argv: readonly string[]) => Answer = () => undefined): FakeRunner {
  const commands: string[] = [];
  const runner: FakeRunner = {
    commands,
    run: async (argv, options) => {
      const each = await runXargs(runner, argv, options?.input);
      if (each !== undefined) return each;
      commands.push(argv.join(" "));
      const result = { exitCode: 0, stdout: "", stderr: "", ...answer(argv) };
      if (options?.onStdout === undefined) return result;
      options.onStdout(Buffer.from(result.stdout));
      return { ...result, stdout: "" };
    },
    transfer: async () => {
      throw new Error("nothing is transferred here");
    },
  };
  return runner;
}

/** A failure as zfs has them: exit 1 with its words on stderr. */
export function says(stderr: string, exitCode = 1): Answer {
  return { exitCode, stderr: stderr === "" ? "" : `${stderr}\n` };
}
