/** Reading exactly so many bytes and not one more: what follows may be a stream that belongs to `zfs`. */
import { read } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { FRAME_PREFIX_BYTES, type Frame, ProtocolError, parseFrameHeader, parseFramePrefix } from "./wire.ts";

export interface ByteSource {
  /** Exactly `bytes` bytes; undefined at the end of input, before the first of them. @throws {ProtocolError} in the middle */
  readExactly(bytes: number): Promise<Buffer | undefined>;
  /** When something came last, by `performance.now()`: a large message on a slow line is a sign of life before it is whole. */
  readonly heardAtMs: number;
}

const RETRY_MS = 5;

/** Reads a file descriptor without ever reading ahead. A read that waits can't be cancelled. */
export function fdSource(fd: number): ByteSource {
  let heardAtMs = performance.now();
  return {
    get heardAtMs() {
      return heardAtMs;
    },
    readExactly: async (bytes) => {
      const buffer = Buffer.alloc(bytes);
      let filled = 0;
      while (filled < bytes) {
        const got = await readSome(fd, buffer, filled);
        if (got === 0) return endOfInput(filled);
        filled += got;
        heardAtMs = performance.now();
      }
      return buffer;
    },
  };
}

async function readSome(fd: number, buffer: Buffer, offset: number): Promise<number> {
  for (;;) {
    const got = await new Promise<number | undefined>((resolve, reject) => {
      read(fd, buffer, offset, buffer.length - offset, null, (error, bytes) => {
        if (error === null) resolve(bytes);
        else if (error.code === "EAGAIN")
          resolve(undefined); // somebody made it non-blocking
        else if (error.code === "EOF" || error.code === "ECONNRESET") resolve(0);
        else reject(error);
      });
    });
    if (got !== undefined) return got;
    await delay(RETRY_MS);
  }
}

/** Reads a Node stream, which must be paused. The stream itself reads ahead. */
export function streamSource(stream: Readable): ByteSource {
  let failure: Error | undefined;
  let heardAtMs = performance.now();
  stream.on("error", (error) => {
    failure = error;
  });
  return {
    get heardAtMs() {
      return heardAtMs;
    },
    readExactly: async (bytes) => {
      if (bytes === 0) return Buffer.alloc(0);
      const chunks: Buffer[] = [];
      let missing = bytes;
      while (missing > 0) {
        const wanted = Math.min(missing, stream.readableLength);
        const chunk: unknown = wanted > 0 ? stream.read(wanted) : stream.read();
        if (Buffer.isBuffer(chunk)) {
          heardAtMs = performance.now();
          chunks.push(chunk.subarray(0, missing));
          if (chunk.length > missing) stream.unshift(chunk.subarray(missing));
          missing -= Math.min(missing, chunk.length);
          continue;
        }
        if (stream.readableEnded || stream.destroyed || failure !== undefined)
          return endOfInput(bytes - missing, failure);
        await changed(stream);
      }
      return Buffer.concat(chunks);
    },
  };
}

/** Waits until there is something to read, or nothing more to come. */
function changed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    const events = ["readable", "end", "close", "error"] as const;
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

function endOfInput(got: number, cause?: Error): undefined {
  if (got > 0) throw new ProtocolError("the connection ended in the middle of a message", { cause });
  return undefined;
}

/** The next frame; undefined at the end of input. @throws {ProtocolError} */
export async function readFrame(source: ByteSource): Promise<Frame | undefined> {
  const prefix = await source.readExactly(FRAME_PREFIX_BYTES);
  if (prefix === undefined) return undefined;
  const { headerBytes, payloadBytes } = parseFramePrefix(prefix);
  const header = await source.readExactly(headerBytes);
  const payload = payloadBytes === 0 ? Buffer.alloc(0) : await source.readExactly(payloadBytes);
  if (header === undefined || payload === undefined)
    throw new ProtocolError("the connection ended in the middle of a message");
  return { header: parseFrameHeader(header), payload, bytes: FRAME_PREFIX_BYTES + headerBytes + payloadBytes };
}
