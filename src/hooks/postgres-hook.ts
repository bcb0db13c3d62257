/** `postgres-checkpoint`: CHECKPOINT before the snapshot, by psql. Nothing after it. */
import { definedOnly, type HookContext } from "./command-hook.ts";
import { parsePostgresDsn, postgresEnvironment } from "./postgres-dsn.ts";
import { runProgram } from "./program.ts";
import type { Hook } from "./stack.ts";

export interface DatabaseHookConfig {
  readonly dsn: string;
  readonly timeoutSec: number;
  readonly errIsFatal: boolean;
}

export function postgresHook({ dsn, timeoutSec, errIsFatal }: DatabaseHookConfig, context: HookContext): Hook {
  const name = "postgres-checkpoint";
  return {
    name,
    errIsFatal,
    run: async (edge) => {
      if (edge === "post") return {};
      const statement = context.situation(edge, timeoutSec).dryRun ? "SELECT 1" : "CHECKPOINT";
      const { problem, output } = await runProgram({
        argv: ["psql", "--no-psqlrc", "--quiet", "--no-password", "-v", "ON_ERROR_STOP=1", "-c", statement],
        env: { ...definedOnly(context.env), ...postgresEnvironment(parsePostgresDsn(dsn), context.env, timeoutSec) },
        timeoutSec,
        signal: context.interrupted,
        onLine: (stream, line) => context.onLine(name, stream, line),
      });
      if (problem === undefined) return { output };
      const said = output.trim().replaceAll(/\s*\n\s*/g, "; ");
      const hint = /No such file|not found/.test(problem) ? " (psql is in Debian's postgresql-client)" : "";
      return { output, error: new Error(`${name}: ${said === "" ? "" : `${said}: `}psql: ${problem}${hint}`) };
    },
  };
}
