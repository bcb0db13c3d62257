/**
 * The bytes of the protocol (docs/protocol.md): greetings and frames. Pure; nothing here knows what a message means.
 * The greetings and the first error frame keep their form in every version, so that two versions can always tell each
 * other that they don't fit.
 */
import { EXIT, ZreplRunError } from "../errors.ts";

export const PROTOCOL = 1;

export const LIMITS = {
  /** Of a greeting, and how much other text (banner, motd, a chatty shell profile) may stand before it. */
  greetingBytes: 128,
  noiseBytes: 64 * 1024,
  /** Of one frame. */
  headerBytes: 4 * 1024 * 1024,
  payloadBytes: 1024 * 1024,
  /** Of an answer in parts, all its frames together. */
  answerBytes: 512 * 1024 * 1024,
  /** Of a listing: filesystems, versions, holds and problems together. */
  listingItems: 2_000_000,
  /** Lines for our log that one session passes on. */
  logs: 10_000,
} as const;

/** The other side does not speak our protocol, or broke it. */
export class ProtocolError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
}

const SERVER_GREETING = /^ZREPL-RUN SERVER PROTOCOL=(\d{1,9}) VERSION=([\w.+-]{1,40})$/;
const CLIENT_GREETING = /^ZREPL-RUN CLIENT PROTOCOL=(\d{4})\n$/;

/** Length of every client's greeting, so that a server can read it without reading beyond it. */
export const CLIENT_GREETING_BYTES = Buffer.byteLength("ZREPL-RUN CLIENT PROTOCOL=0001\n");

export interface Greeting {
  readonly protocol: number;
  readonly version: string;
}

/** Begins with a newline: what stands before may lack one. */
export function serverGreeting(version: string): Buffer {
  return Buffer.from(`\nZREPL-RUN SERVER PROTOCOL=${PROTOCOL} VERSION=${version}\n`);
}

export function clientGreeting(): Buffer {
  return Buffer.from(`ZREPL-RUN CLIENT PROTOCOL=${String(PROTOCOL).padStart(4, "0")}\n`);
}

/** Reads a line that may be the server's greeting; undefined = other text. */
export function parseServerGreeting(line: string): Greeting | undefined {
  const match = SERVER_GREETING.exec(line.trimEnd());
  return match === null ? undefined : { protocol: Number(match[1]), version: match[2] ?? "" };
}

/** @throws {ProtocolError} when it is no greeting */
export function parseClientGreeting(bytes: Buffer): number {
  const match = CLIENT_GREETING.exec(bytes.toString("latin1"));
  if (match === null) throw new ProtocolError("what connected is no zrepl-run: it did not greet");
  return Number(match[1]);
}

/** What to tell the operator when the protocols differ. */
export function protocolMismatch(
  ours: string,
  theirs: { readonly protocol: number; readonly version?: string },
): ProtocolError {
  const other = theirs.version === undefined ? "the other side" : `zrepl-run ${theirs.version} on the other side`;
  const older = theirs.protocol < PROTOCOL ? "the other side" : "this side";
  return new ProtocolError(
    `${other} speaks protocol ${theirs.protocol}, zrepl-run ${ours} here speaks protocol ${PROTOCOL}`,
    { hint: `upgrade zrepl-run on ${older}` },
  );
}

export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Buffer;
  /** Of all of it. */
  readonly bytes: number;
}

export const FRAME_PREFIX_BYTES = 8;
const NO_PAYLOAD = Buffer.alloc(0);

/** Two lengths (4 bytes each, big-endian), the header as JSON, the payload. */
export function encodeFrame(header: object, payload: Buffer = NO_PAYLOAD): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  if (json.length > LIMITS.headerBytes || payload.length > LIMITS.payloadBytes)
    throw new ProtocolError(`a message of ${json.length} + ${payload.length} bytes is too large to send`);
  const prefix = Buffer.alloc(FRAME_PREFIX_BYTES);
  prefix.writeUInt32BE(json.length, 0);
  prefix.writeUInt32BE(payload.length, 4);
  return Buffer.concat([prefix, json, payload]);
}

/** @throws {ProtocolError} when a length is beyond the limits */
export function parseFramePrefix(prefix: Buffer): { readonly headerBytes: number; readonly payloadBytes: number } {
  const headerBytes = prefix.readUInt32BE(0);
  const payloadBytes = prefix.readUInt32BE(4);
  if (headerBytes > LIMITS.headerBytes) throw new ProtocolError(`a frame header of ${headerBytes} bytes is too large`);
  if (payloadBytes > LIMITS.payloadBytes)
    throw new ProtocolError(`a frame payload of ${payloadBytes} bytes is too large`);
  if (headerBytes === 0) throw new ProtocolError("a frame has no header");
  return { headerBytes, payloadBytes };
}

/** @throws {ProtocolError} when it is not a JSON object */
export function parseFrameHeader(bytes: Buffer): Frame["header"] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ProtocolError("a frame header is not JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ProtocolError("a frame header is not a JSON object");
  return value as Frame["header"];
}
