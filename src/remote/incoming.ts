/** A connection as the passive side has it. */
import { closeSync, createReadStream, createWriteStream, fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import type { HandleEnd } from "../zfs/transfer.ts";
import { type ByteSource, fdSource, streamSource } from "./byte-source.ts";

export interface Incoming {
  /** Never reads beyond what it is asked for, so that a stream may follow. */
  readonly source: ByteSource;
  /** Writes now; for the few small frames of a stream's connection. */
  write(bytes: Buffer): Promise<void>;
  /** From now on the connection carries a session. */
  toSession(): { readonly source: ByteSource; readonly output: Writable };
  /** From now on the connection carries a stream to this side. */
  toStreamSource(): HandleEnd;
  /** From now on the connection carries a stream from this side. */
  toStreamSink(): HandleEnd;
}

const NOTHING = () => undefined;

/** A connection on file descriptors: the forced command's 0 and 1, or a plain socket's. */
export function fdIncoming(inputFd: number, outputFd: number): Incoming {
  return {
    source: fdSource(inputFd),
    write: async (bytes) => writeAll(outputFd, bytes),
    toSession: () => ({ source: streamSource(readStream(inputFd)), output: writeStream(outputFd) }),
    toStreamSource: () => handle(inputFd),
    toStreamSink: () => handle(outputFd),
  };
}

function handle(fd: number): HandleEnd {
  return { kind: "handle", stream: fd, done: Promise.resolve(), abort: () => close(fd) };
}

function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // it is closed already: a child has it
  }
}

/** A connection that only Node can read: TLS, or a pipe inside a test. */
export function streamIncoming(stream: Duplex | { readonly input: Readable; readonly output: Writable }): Incoming {
  const { input, output } = "input" in stream ? stream : { input: stream, output: stream };
  output.on("error", NOTHING); // the end of the input says it too
  const source = streamSource(input);
  const end = (which: Readable | Writable): HandleEnd => ({
    kind: "handle",
    stream: which,
    viaNode: true,
    done: Promise.resolve(),
    abort: () => which.destroy(),
  });
  return {
    source,
    write: (bytes) => new Promise((resolve) => output.write(bytes, () => resolve())),
    toSession: () => ({ source, output }),
    toStreamSource: () => end(input),
    toStreamSink: () => end(output),
  };
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}

function readStream(fd: number): Readable {
  return isSocket(fd) ? new Socket({ fd, readable: true, writable: false }) : createReadStream("", { fd });
}

function writeStream(fd: number): Writable {
  const stream = isSocket(fd) ? new Socket({ fd, readable: false, writable: true }) : createWriteStream("", { fd });
  return stream.on("error", NOTHING);
}

/** Whether Node can wait for it without a thread: pipes and sockets. */
function isSocket(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isSocket() || stat.isFIFO();
}
