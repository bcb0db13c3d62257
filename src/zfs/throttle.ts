/** Bandwidth limits (zrepl-behaviour.md §2.11): a token bucket that all concurrent streams of one side share. */
import { Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { asError } from "../errors.ts";

/**
 * A timer costs more than the few KiB that it is for, and is late by a millisecond: so it is waited longer and less often,
 * and what passes in this time counts as at once.
 */
const BURST_MS = 10;

export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #capacityBytes: number;
  #tokens: number;
  #filledAtMs = performance.now();

  constructor(limit: { readonly maxBytesPerSec: number; readonly bucketBytes: number }) {
    this.#bytesPerMs = limit.maxBytesPerSec / 1000;
    this.#capacityBytes = Math.max(limit.bucketBytes, BURST_MS * this.#bytesPerMs);
    this.#tokens = limit.bucketBytes;
  }

  /** As many may pass in a time, in the long run. */
  bytesIn(ms: number): number {
    return ms * this.#bytesPerMs;
  }

  /** Resolves when `bytes` may pass; undefined = now. */
  take(bytes: number): Promise<void> | undefined {
    const nowMs = performance.now();
    const filled = this.#tokens + (nowMs - this.#filledAtMs) * this.#bytesPerMs;
    this.#tokens = Math.min(this.#capacityBytes, filled) - bytes;
    this.#filledAtMs = nowMs;
    return this.#tokens < 0 ? delay(BURST_MS / 2 - this.#tokens / this.#bytesPerMs) : undefined;
  }
}

/** A stream that passes as much as all the buckets allow. */
export function throttle(buckets: readonly TokenBucket[]): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const waits = buckets.flatMap((bucket) => bucket.take(chunk.length) ?? []);
      if (waits.length === 0) done(null, chunk);
      else
        Promise.all(waits).then(
          () => done(null, chunk),
          (error: unknown) => done(asError(error)),
        );
    },
  });
}
