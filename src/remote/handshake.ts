/** The first words on every connection, as the active side says and hears them. */
import type { StepRequest } from "../endpoint/endpoint.ts";
import { version as ourVersion } from "../version.ts";
import { type ByteSource, readFrame, streamSource } from "./byte-source.ts";
import { flag, integer, object, optional, text } from "./checks.ts";
import type { Connection, Transport } from "./connection.ts";
import { encodeStep } from "./message.ts";
import { ConnectError, ConnectionLostError, fromWire, printable, wireError } from "./remote-error.ts";
import {
  clientGreeting,
  encodeFrame,
  type Greeting,
  LIMITS,
  PROTOCOL,
  ProtocolError,
  parseServerGreeting,
  protocolMismatch,
} from "./wire.ts";

/** What the active side says of itself. */
export interface Hello {
  /** Which of the other side's jobs is wanted; `restore`: a sink, to send back what it has of us. */
  readonly role: "sink" | "source" | "restore";
  /** Random, the same on all connections of one session. */
  readonly session: string;
  /** Which job on which host this is: a new session of the same driver means that its former one is dead. */
  readonly driver: string;
  /** Both sides notice within so many seconds that the other one is gone. */
  readonly keepAliveSec: number;
  /** How long the other side may wait for its lock. */
  readonly lockWaitSec: number;
}

export interface Welcome {
  readonly version: string;
  /** The other side's job. */
  readonly job: string;
  /** What stands before a filesystem's name over there; empty on a source. */
  readonly root: string;
  /** The other side's clock. */
  readonly clockSec: number;
  /** Not every filesystem has a place there: ask with `misplaced`. Absent = every one has. */
  readonly mapped?: boolean | undefined;
  readonly permissions: {
    readonly receive: boolean;
    readonly send: boolean;
    readonly list: boolean;
    readonly prune: boolean;
  };
}

const welcomeCheck = object<Welcome>({
  version: text(100),
  job: text(255),
  root: text(255),
  clockSec: integer(0, Number.MAX_SAFE_INTEGER),
  permissions: object({ receive: flag, send: flag, list: flag, prune: flag }),
  mapped: optional(flag),
});

export interface Opened {
  readonly connection: Connection;
  readonly source: ByteSource;
  readonly welcome: Welcome;
}

/** How much longer than for connecting the other side's program may take to start and to greet. */
const GREETING_GRACE_SEC = 20;

/**
 * Connects and says hello; with `stream`, the connection is for that step's stream.
 * @throws {ConnectError | ProtocolError | RemoteError}
 */
export async function connect(transport: Transport, hello: Hello, stream?: StepRequest): Promise<Opened> {
  const connection = await transport.open();
  let timedOut = false;
  const { dialTimeoutSec } = transport;
  const timeoutSec = dialTimeoutSec + GREETING_GRACE_SEC;
  const timer = setTimeout(() => {
    timedOut = true;
    connection.abort();
  }, timeoutSec * 1000);
  try {
    const source = streamSource(connection.input);
    connection.output.on("error", () => undefined); // the end of the input says it too, and why
    connection.output.write(clientGreeting());
    connection.output.write(
      encodeFrame({ hello: { ...hello, version: ourVersion, stream: stream && encodeStep(stream) } }),
    );
    const greeting = await readGreeting(source);
    if (greeting === undefined) throw await neverGreeted(transport, connection);
    if (greeting.protocol !== PROTOCOL) throw protocolMismatch(ourVersion, greeting);
    return { connection, source, welcome: await readWelcome(transport, connection, source) };
  } catch (error) {
    connection.abort();
    if (timedOut) throw new ConnectError(`${transport.peer} did not answer within ${timeoutSec} s`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Skips what a login prints before our program runs. @returns undefined when the connection ended without a greeting */
async function readGreeting(source: ByteSource): Promise<Greeting | undefined> {
  let line = "";
  for (let bytes = 0; bytes < LIMITS.noiseBytes; bytes++) {
    const byte = await source.readExactly(1);
    if (byte === undefined) return undefined;
    if (byte[0] !== 0x0a) {
      if (line.length < LIMITS.greetingBytes) line += byte.toString("latin1");
      continue;
    }
    const greeting = parseServerGreeting(line);
    if (greeting !== undefined) return greeting;
    line = "";
  }
  throw new ProtocolError("what answers is no zrepl-run: it printed much and did not greet");
}

async function neverGreeted(transport: Transport, connection: Connection): Promise<ConnectError> {
  connection.output.end();
  const { problem } = await connection.ended;
  const said = problem === undefined ? "it closed the connection" : printable(problem.message);
  const hint = problem?.hint ?? "see that the other side runs `zrepl-run stdinserver CLIENT` for this connection";
  return new ConnectError(`cannot connect to ${transport.peer}: ${said}`, { hint });
}

async function readWelcome(transport: Transport, connection: Connection, source: ByteSource): Promise<Welcome> {
  const frame = await readFrame(source);
  if (frame === undefined) {
    const { problem } = await connection.ended;
    const why = problem === undefined ? "" : `: ${printable(problem.message)}`;
    throw new ConnectionLostError(`${transport.peer} closed the connection before it was ready${why}`);
  }
  const { header } = frame;
  if (header["error"] !== undefined) throw fromWire(transport.peer, wireError(header["error"], "error"));
  return welcomeCheck(header["welcome"], "welcome");
}
