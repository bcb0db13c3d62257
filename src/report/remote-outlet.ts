/**
 * Log lines to somewhere that may be slow, away, or come back: a queue with a bound in front of a connection. Nothing
 * here fails or delays a run; what could not be delivered is said once, at the end.
 */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { LogRecord } from "./describe-event.ts";
import type { LogLevel } from "./events.ts";
import type { Outlet } from "./reporter.ts";

export interface RemoteOutletOptions {
  readonly level: LogLevel;
  /** For the warning. */
  readonly name: string;
  readonly format: (record: LogRecord, timeMs: number) => string;
  /** Begins to connect; the stream says with `error` or `close` that it did not work. */
  readonly open: () => Writable;
  /** Pause before connecting again. */
  readonly retryMs: number;
}

/** What waits, in characters; what comes then is lost. */
const MAX_QUEUED = 1 << 20;

/** How long the end of a run waits for the last lines. */
const FLUSH_MS = 2000;

export class RemoteOutlet implements Outlet {
  readonly level: LogLevel;
  readonly #options: RemoteOutletOptions;
  #queue: string[] = [];
  /** Handed to the connection, which has not taken it yet. */
  #sending: string[] = [];
  #queuedLength = 0;
  #lost = 0;
  #problem: string | undefined;
  #stream: Writable | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: RemoteOutletOptions) {
    this.#options = options;
    this.level = options.level;
  }

  write(record: LogRecord, timeMs: number): void {
    const text = this.#options.format(record, timeMs);
    if (this.#queuedLength + text.length > MAX_QUEUED) {
      this.#lost++;
      return;
    }
    this.#queue.push(text);
    this.#queuedLength += text.length;
    this.#pump();
  }

  /** Waits a moment for the last lines. @returns what went wrong, for one warning */
  async close(): Promise<string | undefined> {
    this.#closing = true;
    clearTimeout(this.#retry);
    const stream = this.#stream;
    const broke = stream === undefined ? false : !(await this.#flush(stream));
    const lost = this.#lost + this.#sending.length + this.#queue.length;
    if (lost === 0 && !broke) return undefined;
    const loss = lost === 0 ? "lines may be lost" : `${lost} line${lost === 1 ? "" : "s"} lost`;
    return `log outlet ${this.#options.name}: ${this.#problem ?? "too slow"}; ${loss}`;
  }

  /** @returns whether all went out, as far as can be known */
  async #flush(stream: Writable): Promise<boolean> {
    const deadline = AbortSignal.timeout(FLUSH_MS);
    try {
      while (this.#queue.length > 0) await once(stream, "drain", { signal: deadline });
      stream.end();
      if (!stream.closed) await once(stream, "close", { signal: deadline });
      return true;
    } catch {
      if (deadline.aborted) this.#problem ??= `no answer within ${FLUSH_MS / 1000} s`;
      return false;
    } finally {
      stream.destroy();
    }
  }

  #pump(): void {
    if (this.#retry !== undefined || (this.#closing && this.#stream === undefined)) return;
    this.#stream ??= this.#connect();
    const stream = this.#stream;
    while (this.#queue.length > 0 && stream?.writableNeedDrain === false) {
      const text = this.#queue.shift() ?? "";
      this.#sending.push(text);
      stream.write(text, (error) => {
        if (error || stream !== this.#stream) return; // it goes again
        this.#sending.shift();
        this.#queuedLength -= text.length;
      });
    }
  }

  #connect(): Writable | undefined {
    let stream: Writable;
    try {
      stream = this.#options.open();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
    stream.on("drain", () => this.#pump());
    stream.on("error", (error) => {
      this.#problem = error.message;
    });
    stream.on("close", () => {
      if (this.#stream === stream && !this.#closing) this.#failed(undefined);
    });
    return stream;
  }

  #failed(error: unknown): void {
    if (error instanceof Error) this.#problem = error.message;
    this.#problem ??= "the other end closed the connection";
    this.#stream = undefined;
    this.#queue = [...this.#sending, ...this.#queue];
    this.#sending = [];
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#queue.length > 0) this.#pump();
    }, this.#options.retryMs);
    this.#retry.unref();
  }
}
