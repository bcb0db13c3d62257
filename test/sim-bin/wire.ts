import type { SendStream } from "../sim/stream.ts";

/** First bytes of a stream between the look-alike programs. */
const MAGIC = "zrepl-run simulated stream 1\n";
const LENGTH_DIGITS = 12;
const HEADER_BYTES = MAGIC.length + LENGTH_DIGITS;

/** The description that goes before the stream's bytes, which are only padding of the right length. */
export function encodeHeader(stream: SendStream): Buffer {
  const json = Buffer.from(JSON.stringify(stream));
  return Buffer.concat([Buffer.from(MAGIC + String(json.length).padStart(LENGTH_DIGITS, "0")), json]);
}

/** Collects input until the description is complete. */
export class HeaderReader {
  #buffer = Buffer.alloc(0);
  stream: SendStream | null = null;
  /** True if this is not one of our streams. */
  isForeign = false;

  /** Takes input; returns how many of its last bytes come after the header. */
  push(chunk: Buffer): number {
    if (this.stream !== null) return chunk.length;
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (this.#buffer.length < HEADER_BYTES) return 0;
    if (this.#buffer.toString("latin1", 0, MAGIC.length) !== MAGIC) {
      this.isForeign = true;
      return 0;
    }
    const end = HEADER_BYTES + Number(this.#buffer.toString("latin1", MAGIC.length, HEADER_BYTES));
    if (this.#buffer.length < end) return 0;
    this.stream = JSON.parse(this.#buffer.toString("utf8", HEADER_BYTES, end));
    const rest = this.#buffer.length - end;
    this.#buffer = Buffer.alloc(0);
    return rest;
  }
}
