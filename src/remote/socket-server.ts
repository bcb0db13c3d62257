/** The passive side of tcp and tls: one accepted connection from a socket unit with `Accept=yes`. */
import { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Config, Serve } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import type { Entrance, PassiveJob } from "./access.ts";
import { identityOf } from "./client-map.ts";
import { type Incoming, streamIncoming } from "./incoming.ts";
import { readPem } from "./tcp.ts";

export interface SocketServer {
  readonly incoming: Incoming;
  readonly entrance: Entrance;
}

/** The job of `--socket JOB`. @throws {FailedError} */
export function socketJob(config: Config, name: string): PassiveJob {
  const job = config.jobs.find((candidate) => candidate.name === name);
  if (job?.type !== "sink" && job?.type !== "source")
    throw new FailedError(`there is no sink or source job ${JSON.stringify(name)}`);
  if (job.serve.type !== "tcp" && job.serve.type !== "tls")
    throw new FailedError(`job ${name} serves by ${job.serve.type}, not by tcp or tls`);
  return job;
}

/**
 * Takes an accepted connection: for tls, finishes the handshake; says who it is.
 * @throws {FailedError} when it may not connect
 */
export async function acceptSocket(job: PassiveJob, fd: number): Promise<SocketServer> {
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  socket.on("error", () => undefined); // the end of the input says it too
  const { serve } = job;
  if (serve.type === "tls") {
    const tls = await handshake(serve, socket);
    return {
      incoming: streamIncoming(tls),
      entrance: { kind: "socket", identity: certificateIdentity(serve, tls), job },
    };
  }
  if (serve.type !== "tcp") throw new FailedError(`job ${job.name} does not serve by tcp or tls`);
  const address = socket.remoteAddress;
  const identity = address === undefined ? undefined : identityOf(serve.clients, address);
  if (identity === undefined) {
    socket.destroy();
    throw new FailedError(`${address ?? "an unknown address"} is not among the clients of job ${job.name}`);
  }
  return { incoming: streamIncoming(socket), entrance: { kind: "socket", identity, job } };
}

/** A `tls.Server` that never listens: it checks the client's certificate as one that does. */
function handshake(serve: Extract<Serve, { type: "tls" }>, socket: Socket): Promise<TLSSocket> {
  const server = createServer({
    ca: readPem(serve.ca),
    cert: readPem(serve.cert),
    key: readPem(serve.key),
    minVersion: "TLSv1.2",
    requestCert: true,
    rejectUnauthorized: true,
    allowHalfOpen: true,
    ...(serve.handshakeTimeoutSec > 0 ? { handshakeTimeout: serve.handshakeTimeoutSec * 1000 } : {}),
  });
  return new Promise((resolve, reject) => {
    server.once("secureConnection", resolve);
    server.once("tlsClientError", (error) => {
      socket.destroy();
      reject(new FailedError(`tls handshake failed: ${error.message}`, { cause: error }));
    });
    server.emit("connection", socket);
  });
}

function certificateIdentity(serve: Extract<Serve, { type: "tls" }>, tls: TLSSocket): string {
  const name = tls.authorized ? tls.getPeerCertificate().subject?.CN : undefined;
  if (typeof name === "string" && serve.clientCns.includes(name)) return name;
  tls.destroy();
  throw new FailedError(
    `the client's certificate is for ${JSON.stringify(name ?? "nobody")}, which is not in client_cns`,
  );
}
