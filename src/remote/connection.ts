/** What every transport gives: a duplex stream of bytes, and who is at its other end. */
import type { Readable, Writable } from "node:stream";

/** One connection of the active side. */
export interface Connection {
  /** What the other side sends. Paused. */
  readonly input: Readable;
  readonly output: Writable;
  /** Both have an operating system handle that can become a child's stdin or stdout. */
  readonly hasHandles: boolean;
  /** Ends it now, and what is behind it. */
  abort(): void;
  /** Resolves when it has ended and all that the other side said outside the protocol is read. Never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  /** Lines that the other side prints beside the protocol (ssh: stderr). */
  onLine(listener: (line: string) => void): void;
}

export interface ConnectionEnd {
  /** Whether the other side's program said that it succeeded; undefined = the transport can't tell. */
  readonly success: boolean | undefined;
  /** Why a connection that broke, broke, as far as the transport knows; with what to do about it. */
  readonly problem: { readonly message: string; readonly hint?: string } | undefined;
}

/** How to reach one other side. */
export interface Transport {
  /** How the other side is called in messages, e.g. `user@host`. */
  readonly peer: string;
  /** Seconds for connecting and greeting. */
  readonly dialTimeoutSec: number;
  /**
   * The first connection carries the session and stays; the others may be made through it.
   * @throws {ConnectError}
   */
  open(): Promise<Connection>;
  close(): Promise<void>;
}
