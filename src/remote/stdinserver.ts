/** `zrepl-run stdinserver CLIENT`: one connection on fd 0 and 1, from the forced command of a key. */
import { inspect } from "node:util";
import { identityProblem } from "../config/grammar/client-map.ts";
import { loadConfig as loadConfigFile } from "../config/load.ts";
import { ConfigError, EXIT, FailedError, InterruptedError, UsageError } from "../errors.ts";
import { createRunner } from "../zfs/runner.ts";
import { fdIncoming } from "./incoming.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { acceptSocket, socketJob } from "./socket-server.ts";

/** Where systemd puts the connection of a unit without `StandardInput=socket`. */
const FIRST_PASSED_FD = 3;

export interface StdinserverOptions {
  /** Of the client that the forced command names. */
  readonly identity: string | undefined;
  /** The job of an accepted connection; its client is told by address or certificate. */
  readonly socket: string | undefined;
  readonly config: string | undefined;
  readonly debug: boolean;
}

/** Ends the process. */
export async function stdinserver(options: StdinserverOptions): Promise<void> {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => controller.abort(new InterruptedError(signal)));
  const ok = await serve({ ...(await acceptClient(options)), ...surroundings(options, controller) });
  // A read of fd 0 that still waits can't be cancelled, and would keep the process alive: nothing else is left to do.
  process.exit(ok ? EXIT.ok : EXIT.failed);
}

type Client = Pick<ServeOptions, "incoming" | "loadConfig" | "enter">;

/** @throws {UsageError | FailedError} when it may not connect */
async function acceptClient(options: StdinserverOptions): Promise<Client> {
  const { env } = process;
  if (options.socket === undefined) {
    const identity = checkedIdentity(options.identity);
    const loadConfig = () => loadForClients(options.config, env);
    return { incoming: fdIncoming(0, 1), loadConfig, enter: () => ({ kind: "stdinserver", identity }) };
  }
  const config = await loadConfigFile({ file: options.config, env });
  const fd = env["LISTEN_FDS"] === undefined ? 0 : FIRST_PASSED_FD;
  const { incoming, entrance } = await acceptSocket(socketJob(config, options.socket), fd);
  return { incoming, loadConfig: async () => config, enter: () => entrance };
}

function surroundings(
  { debug, socket }: StdinserverOptions,
  controller: AbortController,
): Omit<ServeOptions, keyof Client> {
  const { env: inherited, stderr } = process;
  // the PATH of a login that is not root's often lacks the directories where zfs is
  const env = { ...inherited, PATH: `${inherited["PATH"] ?? "/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin` };
  const { signal } = controller;
  const onCommand = (argv: readonly string[]) => {
    if (debug) stderr.write(`zrepl-run: run ${argv.join(" ")}\n`);
  };
  return {
    runner: createRunner({ signal, env, onCommand }),
    signal,
    abort: (error) => controller.abort(error),
    nowMs: () => Date.now(),
    log: (level, message) => stderr.write(`zrepl-run: ${level}: ${message}\n`),
    onBug: (error) => stderr.write(`zrepl-run: internal error, please report\n${inspect(error)}\n`),
    // over a socket, stderr is this host's journal and not the client's screen
    sideLine: (line) => socket === undefined && stderr.write(`${line}\n`),
  };
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
    return await loadConfigFile({ file, env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    throw new FailedError("the config on that side has problems", {
      cause: error,
      hint: "zrepl-run configcheck there shows them",
    });
  }
}
