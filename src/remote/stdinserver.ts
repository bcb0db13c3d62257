/** `zrepl-run stdinserver CLIENT`: one connection on fd 0 and 1, from the forced command of a key. */
import { inspect } from "node:util";
import { identityProblem } from "../config/grammar/client-map.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError, EXIT, FailedError, InterruptedError, UsageError } from "../errors.ts";
import { createRunner } from "../zfs/runner.ts";
import { fdIncoming } from "./incoming.ts";
import { serve } from "./serve.ts";

export interface StdinserverOptions {
  readonly identity: string | undefined;
  readonly config: string | undefined;
  readonly debug: boolean;
}

/** Ends the process. */
export async function stdinserver(options: StdinserverOptions): Promise<void> {
  const identity = checkedIdentity(options.identity);
  const { env, stderr } = process;
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => controller.abort(new InterruptedError(signal)));
  const onCommand = (argv: readonly string[]) => {
    if (options.debug) stderr.write(`zrepl-run: run ${argv.join(" ")}\n`);
  };
  const ok = await serve({
    incoming: fdIncoming(0, 1),
    loadConfig: () => loadForClients(options.config, env),
    enter: () => ({ kind: "stdinserver", identity }),
    runner: createRunner({ signal: controller.signal, env, onCommand }),
    signal: controller.signal,
    abort: (error) => controller.abort(error),
    nowMs: () => Date.now(),
    log: (level, message) => stderr.write(`zrepl-run: ${level}: ${message}\n`),
    onBug: (error) => stderr.write(`zrepl-run: internal error, please report\n${inspect(error)}\n`),
    sideLine: (line) => stderr.write(`${line}\n`),
  });
  // A read of fd 0 that still waits can't be cancelled, and would keep the process alive: nothing else is left to do.
  process.exit(ok ? EXIT.ok : EXIT.failed);
}

function checkedIdentity(identity: string | undefined): string {
  if (identity === undefined)
    throw new UsageError("stdinserver needs the client's identity", {
      hint: 'authorized_keys needs command="zrepl-run stdinserver CLIENT",restrict before the key',
    });
  const problem = identityProblem(identity);
  if (problem !== undefined) throw new UsageError(`client ${JSON.stringify(identity)}: ${problem}`);
  return identity;
}

/** What is wrong with the config is for its owner's eyes, on stderr; the client learns that something is. */
async function loadForClients(file: string | undefined, env: NodeJS.ProcessEnv) {
  try {
    return await loadConfig({ file, env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    throw new FailedError("the config on that side has problems", {
      cause: error,
      hint: "zrepl-run configcheck there shows them",
    });
  }
}
