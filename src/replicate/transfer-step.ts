/** One step: open both ends, join them, watch for a stall, judge how it ended. */
import type { Receiver, Sender, StreamFailure } from "../endpoint/endpoint.ts";
import { EXIT, ZreplRunError } from "../errors.ts";
import { parseSendEstimate, parseSendProgress } from "../zfs/parse.ts";
import type { Runner } from "../zfs/runner.ts";
import type { Step } from "./plan-steps.ts";

export interface TransferStepOptions {
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly runner: Runner;
  /** 0 = never. */
  readonly stallTimeoutSec: number;
  /** Ends the transfer, e.g. at the time limit. */
  readonly signal: AbortSignal;
  /** `totalBytes` undefined = unknown. */
  readonly onProgress: (bytes: number, totalBytes: number | undefined) => void;
}

/** No byte moved for the configured time. */
export class StalledError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
  readonly temporary = true;

  constructor(timeoutSec: number) {
    super(`no progress for ${timeoutSec} s (replication.stall_timeout); the transfer was cancelled and can be resumed`);
  }
}

/**
 * Sends one step.
 * @returns bytes sent, as far as `zfs send` told
 * @throws what went wrong, the end that caused it first
 */
export async function transferStep(step: Step, options: TransferStepOptions): Promise<number> {
  const source = await options.sender.openSend(step);
  const sink = await options.receiver.openReceive(step).catch((error: unknown) => {
    if (source.end.kind === "handle") source.end.abort();
    throw error;
  });
  const counter = new ByteCounter(options.onProgress);
  const watch = new StallWatch(options.stallTimeoutSec, options.signal);
  try {
    const result = await options.runner.transfer(source.end, sink.end, {
      onSourceLine: (line) => {
        if (counter.line(line)) watch.moved();
      },
      onSourceEnd: () => watch.stop(),
      signal: watch.signal,
      limits: [source, sink].flatMap(({ limit }) => limit ?? []),
    });
    const failure = worse(await sink.judge(result.sink), await source.judge(result.source));
    if (failure !== undefined) throw failure.error;
    return counter.finished();
  } catch (error) {
    // the receiver's state has changed even if the transfer was cancelled; it looks again when it is asked
    throw watch.stalled ? new StalledError(options.stallTimeoutSec) : error;
  } finally {
    watch.stop();
  }
}

/** The failure to report: one that is its own cause before one that only saw the other end stop; the receiver's first. */
function worse(sink: StreamFailure | undefined, source: StreamFailure | undefined): StreamFailure | undefined {
  return [sink, source].find((failure) => failure?.cause === "own") ?? sink ?? source;
}

/** Adds up what `zfs send -vP` prints; with `-I` every snapshot is counted from 0 again. */
class ByteCounter {
  readonly #onProgress: (bytes: number, totalBytes: number | undefined) => void;
  #total: number | undefined;
  #before = 0;
  #current = 0;
  #snapshot = "";

  constructor(onProgress: (bytes: number, totalBytes: number | undefined) => void) {
    this.#onProgress = onProgress;
  }

  /** @returns whether bytes have moved since the last line */
  line(line: string): boolean {
    const progress = parseSendProgress(line);
    if (progress === undefined) {
      const size = parseSendEstimate(line);
      if (size !== undefined) this.#total = size;
      if (size !== undefined) this.#onProgress(this.#bytes, this.#total);
      return size !== undefined;
    }
    if (progress.snapshot !== this.#snapshot) {
      this.#before += this.#current;
      this.#current = 0;
      this.#snapshot = progress.snapshot;
    }
    const moved = progress.bytes > this.#current;
    this.#current = Math.max(this.#current, progress.bytes);
    this.#onProgress(this.#bytes, this.#total);
    return moved;
  }

  /** A step that ended well has sent at least what was estimated; small ones end before the first progress line. */
  finished(): number {
    return Math.max(this.#bytes, this.#total ?? 0);
  }

  get #bytes(): number {
    return this.#before + this.#current;
  }
}

/** Aborts its signal when nothing moved for the timeout, or when the outer signal aborts. */
class StallWatch {
  readonly #stall = new AbortController();
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(timeoutSec: number, outer: AbortSignal) {
    this.signal = AbortSignal.any([this.#stall.signal, outer]);
    if (timeoutSec > 0) this.#timer = setTimeout(() => this.#stall.abort(), timeoutSec * 1000);
    this.#timer?.unref();
  }

  moved(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  get stalled(): boolean {
    return this.#stall.signal.aborted;
  }
}
