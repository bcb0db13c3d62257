import { NO_STREAM, parseReceive, type ReceiveSteps, receiveSteps } from "./cmd-recv.ts";
import { abortPartial } from "./recv-abort.ts";
import type { WorldHolder } from "./recv-session.ts";
import type { ReceiveOptions } from "./recv-target.ts";
import { CommandFailure, fail, type Result } from "./result.ts";
import type { SendStream } from "./stream.ts";
import { usage } from "./usage.ts";

/** A receive that waits for its input: what runs at the same time sees a busy filesystem. */
export class RunningReceive {
  readonly #steps: ReceiveSteps;
  #wish: IteratorResult<number, string> | null = null;
  #left = 0;
  /** Bytes taken from the input so far. */
  taken = 0;
  /** Set once the program has ended. */
  result: Result | null = null;

  constructor(holder: WorldHolder, stream: SendStream, options: ReceiveOptions, receiver: number) {
    this.#steps = receiveSteps(holder, stream, options, receiver);
    this.#advance(() => this.#steps.next());
    this.feed(0);
  }

  /** Gives `bytes` more bytes of the stream. */
  feed(bytes: number): void {
    this.#left += bytes;
    while (this.#wish?.done === false && this.#wish.value <= this.#left) {
      this.#left -= this.#wish.value;
      this.taken += this.#wish.value;
      this.#advance(() => this.#steps.next(true));
    }
  }

  /** The input ends here. */
  end(): Result {
    if (this.#wish?.done === false) {
      this.taken += this.#left;
      this.#left = 0;
    }
    while (this.#wish?.done === false) this.#advance(() => this.#steps.next(this.#wish?.value === 0));
    return this.result ?? { stdout: "", stderr: "", exitCode: 0 };
  }

  #advance(step: () => IteratorResult<number, string>): void {
    try {
      this.#wish = step();
      if (this.#wish.done) this.result = { stdout: this.#wish.value, stderr: "", exitCode: 0 };
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      this.#wish = null;
      this.result = { stdout: "", stderr: error.stderr, exitCode: error.exitCode };
    }
  }
}

/** `zfs receive …` of the first `bytes` bytes of a stream (null: nothing was written). */
export function cmdReceive(
  holder: WorldHolder,
  args: readonly string[],
  stream: SendStream | null,
  bytes: number,
): Result & { readonly taken: number } {
  try {
    const { options, abort } = parseReceive(args);
    if (abort) abortPartial(holder.world, options.target, usage("zfs receive"));
    else if (stream === null) fail(NO_STREAM);
    if (abort || stream === null) return { stdout: "", stderr: "", exitCode: 0, taken: 0 };
    const running = new RunningReceive(holder, stream, options, IN_PROCESS);
    running.feed(bytes);
    return { ...running.end(), taken: running.taken };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { stdout: "", stderr: error.stderr, exitCode: error.exitCode, taken: 0 };
  }
}

/** Stands for a process number where there is no process. */
const IN_PROCESS = 1;
