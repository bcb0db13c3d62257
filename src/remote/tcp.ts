/** `connect: {type: tcp}` and `{type: tls}`: one TCP connection for the session, and one for each large stream. */
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Connect } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { Connection, ConnectionEnd, Transport } from "./connection.ts";
import { ConnectError } from "./remote-error.ts";

type TcpConnect = Extract<Connect, { type: "tcp" | "tls" }>;

export function tcpTransport(
  connect: TcpConnect,
  options: { readonly signal: AbortSignal; readonly keepAliveSec: number },
): Transport {
  const { host, port } = splitAddress(connect.address);
  const sockets = new Set<Socket>();
  const stop = () => {
    for (const socket of sockets) socket.destroy();
  };
  options.signal.addEventListener("abort", stop);
  return {
    peer: connect.address,
    dialTimeoutSec: connect.dialTimeoutSec,
    open: async () => {
      options.signal.throwIfAborted();
      const socket = connect.type === "tcp" ? connectTcp({ host, port }) : openTls(connect, host, port);
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.setKeepAlive(true, (options.keepAliveSec * 1000) / 3);
      socket.setNoDelay(true);
      await connected(socket, connect);
      return socketConnection(socket);
    },
    close: async () => {
      options.signal.removeEventListener("abort", stop);
      stop();
    },
  };
}

function openTls(connect: Extract<Connect, { type: "tls" }>, host: string, port: number): TLSSocket {
  const { ca, cert, key, serverCn } = connect;
  const socket = connectTcp({ host, port });
  return connectTls({
    socket,
    ca: readPem(ca),
    cert: readPem(cert),
    key: readPem(key),
    minVersion: "TLSv1.2",
    servername: serverCn,
    rejectUnauthorized: true,
    // the config names the server by its certificate's CN, as zrepl does; alternative names count too
    checkServerIdentity: (_host, { subject, subjectaltname }) =>
      subject.CN === serverCn || subjectaltname?.split(", ").includes(`DNS:${serverCn}`)
        ? undefined
        : new Error(
            `the certificate is for ${JSON.stringify(subject.CN)}, not for server_cn ${JSON.stringify(serverCn)}`,
          ),
  });
}

export function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new FailedError(`cannot read ${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function connected(socket: Socket, { address, dialTimeoutSec, type }: TcpConnect): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new ConnectError(`cannot connect to ${address}: ${why}`, { cause, hint: hintFor(why, type) }));
    };
    const timer =
      dialTimeoutSec > 0
        ? setTimeout(() => fail(`no answer within ${dialTimeoutSec} s`), dialTimeoutSec * 1000)
        : undefined;
    socket.once("error", (error) => {
      clearTimeout(timer);
      fail(error.message, error);
    });
    socket.once(type === "tls" ? "secureConnect" : "connect", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function hintFor(why: string, type: "tcp" | "tls"): string {
  if (type === "tls" && /certificate|alert|self.signed|issuer/i.test(why))
    return "check ca, cert, key and server_cn here, and ca and client_cns there";
  return "is the socket unit active there, and does connect.address name it?";
}

function socketConnection(socket: Socket): Connection {
  let problem: ConnectionEnd["problem"];
  socket.on("error", (error) => {
    problem = { message: error.message };
  });
  const ended = new Promise<ConnectionEnd>((resolve) =>
    socket.once("close", () => resolve({ success: undefined, problem })),
  );
  return {
    input: socket,
    output: socket,
    hasHandles: false, // what comes back needs the same socket: it can't be given away
    abort: () => socket.destroy(),
    ended,
    onLine: (listener) => {
      // nothing is said beside the protocol; what `zfs send -vP` would say is how far it has come
      const report = setInterval(() => listener(`00:00:00\t${socket.bytesRead}\tstream`), 1000);
      report.unref();
      socket.once("close", () => clearInterval(report));
    },
  };
}

/** `host:port`, `[::1]:port`. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return { host: host === "" ? "localhost" : host, port: Number(address.slice(at + 1)) };
}
