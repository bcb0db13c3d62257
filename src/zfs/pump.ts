/** A stream's way through Node, where a bandwidth limit or an end without a handle wants it. */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import type { Readable, Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { type TokenBucket, throttle } from "./throttle.ts";

/** What a read of Node's own streams gets. */
const LEAST_READ_BYTES = 64 * 1024;
/** More than the kernel keeps for a pipe or a socket by default. */
const MOST_READ_BYTES = 256 * 1024;
/** A limit must not make much of a stream wait to pass at once. */
const READ_MS = 20;

/** A source of which nothing was read yet, as a socket that reads into a buffer of ours. */
type PipeOpener = (onread: OnReadOpts) => Socket;

/**
 * Passes all that a stream or file descriptor has on to `to`, and ends it.
 * @throws what either end failed with; ERR_STREAM_PREMATURE_CLOSE where `to` is closed before the end
 */
export function pump(from: Readable | number, to: Writable, buckets: readonly TokenBucket[]): Promise<void> {
  if (typeof from !== "number") return pipeline(from, throttle(buckets), to);
  const open: PipeOpener = (onread) => fdSocket(from, "read", onread);
  return letsGo(to) ? pumpPipe(open, to, buckets) : pipeline(fdSocket(from, "read"), throttle(buckets), to);
}

/** The same for the stdout of a child that was spawned just now. */
export function pumpChild(stdout: Readable, to: Writable, buckets: readonly TokenBucket[]): Promise<void> {
  const open = letsGo(to) ? takeOver(stdout) : undefined;
  return open === undefined ? pump(stdout, to, buckets) : pumpPipe(open, to, buckets);
}

/** Whether a stream has no use for the bytes any more once it calls them written. Others may gather them. */
function letsGo(to: Writable): boolean {
  return to instanceof Socket;
}

/**
 * Each read takes all that the kernel has, into one buffer that is used again when it is written. Streams get 64 KiB at a
 * time, each in memory of its own, and take nearly twice the CPU time.
 */
async function pumpPipe(open: PipeOpener, to: Writable, buckets: readonly TokenBucket[]): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(readBytes(buckets));
  const pass = async (bytes: number) => {
    await Promise.all(buckets.flatMap((bucket) => bucket.take(bytes) ?? []));
    to.write(buffer.subarray(0, bytes), (error) => {
      if (!error) from.resume();
    });
  };
  const written = finished(to, { readable: false });
  const from = open({
    buffer,
    callback: (bytes) => {
      void pass(bytes);
      return false; // no more until this is written
    },
  });
  try {
    await Promise.race([finished(from, { writable: false }), written.then(endedEarly)]);
    to.end();
    await written;
  } catch (error) {
    to.destroy();
    throw error;
  } finally {
    from.destroy();
  }
}

function readBytes(buckets: readonly TokenBucket[]): number {
  const passing = Math.min(...buckets.map((bucket) => bucket.bytesIn(READ_MS)));
  return Math.min(Math.max(Math.ceil(passing), LEAST_READ_BYTES), MOST_READ_BYTES);
}

function endedEarly(): never {
  throw Object.assign(new Error("the sink ended before the source"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
}

/** A pipe or socket of ours for Node: it may be non-blocking, so not for node:fs. */
export function fdSocket(fd: number, direction: "read" | "write", onread?: OnReadOpts): Socket {
  const ways = { readable: direction === "read", writable: direction === "write", allowHalfOpen: true };
  return new Socket({ fd, ...ways, onread } as SocketConstructorOpts); // the types know it only of connections
}

/**
 * Node lets nobody say how a child's stdout is to be read when it spawns it: its socket is replaced by one of ours on
 * the same handle, which has no public name.
 * @returns undefined where Node has no such handle (any more)
 */
function takeOver(stdout: Readable): PipeOpener | undefined {
  const socket = stdout as { _handle?: object | null };
  const handle = socket._handle;
  if (typeof handle !== "object" || handle === null) return undefined;
  return (onread) => {
    socket._handle = null;
    stdout.destroy(); // the child counts as ended only when this is closed
    const ways = { readable: true, writable: false, allowHalfOpen: true };
    return new Socket({ handle, ...ways, onread } as SocketConstructorOpts);
  };
}
