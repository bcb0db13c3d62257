/** The story of `stdinserver`: greet → hello → which job → session | stream. */
import type { Writable } from "node:stream";
import type { Config } from "../config/config.ts";
import { daemonWarnings } from "../config/zrepl-daemon.ts";
import type { StepRequest } from "../endpoint/endpoint.ts";
import { LocalReceiver } from "../endpoint/local-receiver.ts";
import { localSender } from "../endpoint/open.ts";
import { ReplicaSender } from "../endpoint/replica-sender.ts";
import { FailedError } from "../errors.ts";
import { version as ourVersion } from "../version.ts";
import type { Runner } from "../zfs/runner.ts";
import { type Entrance, findJob, type PassiveJob, permissionsOf, requirePermission } from "./access.ts";
import { admit, placementOf } from "./admit.ts";
import type { Served } from "./answers.ts";
import { readFrame } from "./byte-source.ts";
import { integer, matching, object, oneOf, optional, text } from "./checks.ts";
import { ClientLock, type ClientLockOptions, underSession } from "./client-lock.ts";
import { guardedRecv } from "./guarded-recv.ts";
import type { Hello, Welcome } from "./handshake.ts";
import type { Incoming } from "./incoming.ts";
import { stepRequest } from "./message.ts";
import { ConnectionLostError, toWire } from "./remote-error.ts";
import { serveSession } from "./server-session.ts";
import { serveStream } from "./server-stream.ts";
import {
  CLIENT_GREETING_BYTES,
  encodeFrame,
  PROTOCOL,
  ProtocolError,
  parseClientGreeting,
  protocolMismatch,
  serverGreeting,
} from "./wire.ts";

export interface ServeOptions {
  readonly incoming: Incoming;
  /** Read only after the greeting, so that a broken config can be reported to the client. */
  readonly loadConfig: () => Promise<Config>;
  /** Who it is, and where it came in. */
  readonly enter: (config: Config) => Entrance;
  readonly runner: Runner;
  readonly signal: AbortSignal;
  readonly abort: (error: Error) => void;
  readonly nowMs: () => number;
  readonly log: (level: "warn" | "error", message: string) => void;
  readonly onBug: (error: unknown) => void;
  /** Writes a line beside the protocol, for the client (ssh: stderr). */
  readonly sideLine: (line: string) => void;
}

/** How long a client may take to say what it wants. */
const HELLO_WITHIN_MS = 30_000;

interface FullHello extends Hello {
  readonly stream: StepRequest | undefined;
}

const helloCheck = object<FullHello>({
  role: oneOf("sink", "source", "restore"),
  session: matching(/^[0-9a-f]{32}$/, "32 hex digits", 32),
  driver: text(200, (value) => (/^[\x20-\x7e]*$/.test(value) ? undefined : "contains a control character")),
  keepAliveSec: integer(1, 3600),
  lockWaitSec: integer(0, 7 * 86_400),
  stream: optional(stepRequest),
});

/** Serves one connection to its end. @returns whether all went well; what did not was told the client */
export async function serve(options: ServeOptions): Promise<boolean> {
  const { incoming } = options;
  try {
    const hello = await greet(options);
    const config = await options.loadConfig();
    const entrance = options.enter(config);
    const job = findJob(config, entrance, hello.role);
    if (hello.role === "restore") requirePermission(job, "send");
    await (hello.stream === undefined ? session : stream)({ ...options, hello, job, config, entrance });
    return true;
  } catch (error) {
    const wire = toWire(error);
    if (wire.name === "InternalError" && !options.signal.aborted) options.onBug(error);
    if (!(error instanceof ConnectionLostError)) options.log("error", wire.message);
    if (!(error instanceof ReportedError)) await incoming.write(encodeFrame({ error: wire })).catch(() => undefined);
    return false;
  }
}

/** The client was told already, on a connection that takes no more frames. */
class ReportedError extends FailedError {}

async function greet({ incoming, abort, signal }: ServeOptions): Promise<FullHello> {
  await incoming.write(serverGreeting(ourVersion));
  const timer = setTimeout(
    () => abort(new ProtocolError(`the client said no hello within ${HELLO_WITHIN_MS / 1000} s`)),
    HELLO_WITHIN_MS,
  );
  try {
    return await Promise.race([readHello(incoming), rejectOnAbort(signal)]);
  } finally {
    clearTimeout(timer);
  }
}

async function readHello({ source }: Incoming): Promise<FullHello> {
  const greeting = await source.readExactly(CLIENT_GREETING_BYTES);
  if (greeting === undefined) throw new ConnectionLostError("the client went away without a word");
  const protocol = parseClientGreeting(greeting);
  if (protocol !== PROTOCOL) throw protocolMismatch(ourVersion, { protocol });
  const frame = await readFrame(source);
  if (frame === undefined) throw new ConnectionLostError("the client went away before its hello");
  return helloCheck(frame.header["hello"], "hello");
}

interface Context extends ServeOptions {
  readonly hello: FullHello;
  readonly job: PassiveJob;
  readonly config: Config;
  readonly entrance: Entrance;
}

async function session(context: Context): Promise<void> {
  const { hello, incoming, job, config, runner, abort, signal, onBug, log } = context;
  const lock = new ClientLock(lockOptions(context));
  await incoming.write(encodeFrame({ welcome: welcome(context) }));
  const { source, output } = incoming.toSession();
  try {
    const warn = (message: string) => {
      log("warn", message);
      output.write(encodeFrame({ log: { level: "warn", message: message.slice(0, MAX_LOG) } }));
    };
    for (const message of await daemonWarnings(config, [job.name])) warn(message);
    const served = openServed(context, warn);
    await serveSession({ job, served, hello, runner, source, output, lock: () => lock.ensure(), abort, signal, onBug });
  } catch (error) {
    throw new ReportedError(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    await lock.release();
    await ended(output);
  }
}

async function stream(context: Context): Promise<void> {
  const { hello, incoming, job, runner, sideLine, log } = context;
  const step = hello.stream;
  if (step === undefined) throw new Error("a stream without a step");
  requirePermission(job, hello.role === "sink" ? "receive" : "send");
  let isStream = false;
  const welcomed = async () => {
    await incoming.write(encodeFrame({ welcome: welcome(context) }));
    isStream = hello.role !== "sink";
  };
  try {
    await underSession(lockOptions(context), () =>
      serveStream({
        served: openServed(context, (message) => log("warn", message)),
        step,
        incoming,
        runner,
        welcome: welcomed,
        onSourceLine: sideLine,
      }),
    );
  } catch (error) {
    if (!isStream) throw error;
    sideLine(`zrepl-run-error ${JSON.stringify(toWire(error))}`);
    throw new ReportedError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function lockOptions({ config, job, entrance, hello, signal, abort, log }: Context): ClientLockOptions {
  const { identity } = entrance;
  const warn = (message: string) => log("warn", message);
  return { dir: config.global.lockDir, job: job.name, identity, hello, signal, onLost: abort, log: warn };
}

function welcome({ job, entrance, nowMs }: Context): Welcome {
  const root = job.type === "sink" ? `${job.rootFs}/${entrance.identity}` : "";
  return {
    version: ourVersion,
    job: job.name,
    root,
    clockSec: Math.floor(nowMs() / 1000),
    permissions: permissionsOf(job),
    ...(job.type === "sink" && placementOf(job, entrance.identity).isMapped ? { mapped: true } : {}),
  };
}

/** Of a message for the client's log. */
const MAX_LOG = 60_000;

function openServed({ job, config, entrance, hello, runner }: Context, warn: (message: string) => void): Served {
  if (job.type === "source") return { role: "source", endpoint: localSender(job, { config, runner, warn }) };
  const { name, rootFs, recv } = job;
  const { identity } = entrance;
  if (hello.role === "restore")
    return {
      role: "source",
      endpoint: new ReplicaSender({ runner, job: name, placement: placementOf(job, identity), warn }),
    };
  const endpoint = new LocalReceiver({
    runner,
    job: name,
    rootFs,
    clientIdentity: identity,
    recv: guardedRecv(recv),
    warn,
  });
  return { role: "sink", endpoint, admit: (step) => admit(job, identity, step, runner) };
}

/** How long a client may take to read the last words. */
const LAST_WORDS_MS = 5_000;

function ended(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LAST_WORDS_MS);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    output.once("close", done);
    output.once("error", done);
    output.end(done);
  });
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
