/** From a job's `connect` to the other side's endpoint. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Connect } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { unreachable } from "../unreachable.ts";
import type { Transport } from "./connection.ts";
import type { Hello, Welcome } from "./handshake.ts";
import type { RemoteOptions } from "./remote-receiver.ts";
import { RemoteReceiver } from "./remote-receiver.ts";
import { RemoteSender } from "./remote-sender.ts";
import { Session } from "./session.ts";
import { sshTransport, type TransportOptions } from "./ssh.ts";
import { tcpTransport } from "./tcp.ts";

/** Of a config that does not say. */
const KEEP_ALIVE_SEC = 30;

export interface ConnectOptions extends Omit<TransportOptions, "keepAliveSec"> {
  /** Our job, and where our locks are: together with the host they tell one driver from another. */
  readonly job: string;
  readonly lockWaitSec: number;
  readonly warn: (message: string) => void;
}

export interface Remote<T> {
  readonly endpoint: T;
  readonly peer: string;
  /** What the other side said of itself. */
  readonly welcome: Welcome;
  /** The other side's name of a filesystem, for messages. */
  readonly nameOf: (filesystem: string) => string;
  close(): Promise<void>;
}

/** @throws {ConnectError | ProtocolError | RemoteError} */
export function connectReceiver(connect: Connect, options: ConnectOptions): Promise<Remote<RemoteReceiver>> {
  return openRemote(connect, "sink", options, (remote) => new RemoteReceiver(remote));
}

/** @throws {ConnectError | ProtocolError | RemoteError} */
export function connectSender(connect: Connect, options: ConnectOptions): Promise<Remote<RemoteSender>> {
  return openRemote(connect, "source", options, (remote) => new RemoteSender(remote));
}

/** A sink as the sender of what it has of us. @throws {ConnectError | ProtocolError | RemoteError} */
export function connectReplicas(connect: Connect, options: ConnectOptions): Promise<Remote<RemoteSender>> {
  return openRemote(connect, "restore", options, (remote) => new RemoteSender(remote));
}

async function openRemote<T>(
  connect: Connect,
  role: Hello["role"],
  options: ConnectOptions,
  build: (remote: RemoteOptions) => T,
): Promise<Remote<T>> {
  const keepAliveSec = keepAliveOf(connect);
  const transport = openTransport(connect, { ...options, keepAliveSec });
  const newHello = (): Hello => ({
    role,
    session: randomBytes(16).toString("hex"),
    driver: `${hostname()}:${options.runDir}:${options.job}`.slice(-200),
    keepAliveSec,
    lockWaitSec: options.lockWaitSec,
  });
  const open = async (hello: Hello) => Session.open({ transport, hello, warn: options.warn });
  try {
    const hello = newHello();
    const remote: RemoteOptions = {
      session: await open(hello),
      transport,
      hello,
      reopen: async () => {
        remote.hello = newHello();
        remote.session = await open(remote.hello);
      },
    };
    const { welcome } = remote.session;
    const { root } = welcome;
    return {
      endpoint: build(remote),
      peer: transport.peer,
      welcome,
      nameOf: (filesystem) =>
        `${transport.peer}:${root === "" || welcome.mapped === true ? "" : `${root}/`}${filesystem}`,
      close: async () => {
        await remote.session.close();
        await transport.close();
      },
    };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

function keepAliveOf(connect: Connect): number {
  return ("keepAliveSec" in connect ? connect.keepAliveSec : undefined) ?? KEEP_ALIVE_SEC;
}

export function openTransport(connect: Connect, options: TransportOptions): Transport {
  switch (connect.type) {
    case "ssh+stdinserver":
      return sshTransport(connect, options);
    case "tcp":
    case "tls":
      return tcpTransport(connect, options);
    case "local":
      throw new FailedError("a local connection needs no transport");
    default:
      return unreachable(connect);
  }
}
