import { type HookSituation, type HookType, hookVariables } from "./environment.ts";
import { runProgram } from "./program.ts";
import type { Edge, EdgeResult, Hook } from "./stack.ts";

/** What all hooks of one stack have in common. */
export interface HookContext {
  /** Of this process; hooks get it too. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends a pre edge that runs; post edges are left their time. */
  readonly interrupted: AbortSignal;
  readonly onLine: (hook: string, stream: "stdout" | "stderr", line: string) => void;
  /** Where the edge is in the job's life. */
  readonly situation: (edge: Edge, timeoutSec: number) => HookSituation;
}

export interface CommandHookConfig {
  readonly path: string;
  readonly timeoutSec: number;
  readonly errIsFatal: boolean;
}

/** A program without arguments, the same for both edges: ZREPL_HOOKTYPE tells it which one it is. */
export function commandHook({ path, timeoutSec, errIsFatal }: CommandHookConfig, context: HookContext): Hook {
  return {
    name: path,
    errIsFatal,
    run: async (edge): Promise<EdgeResult> => {
      const variables = hookVariables(context.situation(edge, timeoutSec));
      const { problem, output } = await runProgram({
        argv: [path],
        env: { ...definedOnly(context.env), ...variables },
        timeoutSec,
        signal: edge === "pre" ? context.interrupted : undefined,
        onLine: (stream, line) => context.onLine(path, stream, line),
      });
      return { output, error: problem === undefined ? undefined : commandError(path, variables, problem) };
    },
  };
}

/** zrepl's words. */
function commandError(path: string, variables: Readonly<Record<string, string>>, problem: string): Error {
  const assignments = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
  const command = [...assignments, path].join(" ");
  return new Error(
    `command hook failed with ${JSON.stringify(problem)}: ${JSON.stringify(command)} FAILED with error: ${problem}`,
  );
}

export function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

/** The names of the two edges of hooks around a snapshot or a replication. */
export function hookType(kind: "snapshot" | "replicate", edge: Edge): HookType {
  return `${edge}_${kind}`;
}
