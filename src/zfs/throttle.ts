/** Bandwidth limits (zrepl-behaviour.md §2.11): a token bucket that all concurrent streams of one side share. */
import { Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

export class TokenBucket {
  readonly #maxBytesPerSec: number;
  readonly #capacityBytes: number;
  #tokens: number;
  #filledAtMs = performance.now();

  constructor(limit: { readonly maxBytesPerSec: number; readonly bucketBytes: number }) {
    this.#maxBytesPerSec = limit.maxBytesPerSec;
    this.#capacityBytes = limit.bucketBytes;
    this.#tokens = limit.bucketBytes;
  }

  /** Resolves when `bytes` may pass. */
  async take(bytes: number): Promise<void> {
    const nowMs = performance.now();
    const refill = ((nowMs - this.#filledAtMs) / 1000) * this.#maxBytesPerSec;
    this.#tokens = Math.min(this.#capacityBytes, this.#tokens + refill) - bytes;
    this.#filledAtMs = nowMs;
    if (this.#tokens < 0) await delay((-this.#tokens / this.#maxBytesPerSec) * 1000);
  }
}

/** A stream that passes as much as all the buckets allow. */
export function throttle(buckets: readonly TokenBucket[]): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      Promise.all(buckets.map((bucket) => bucket.take(chunk.length))).then(
        () => done(null, chunk),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
}
