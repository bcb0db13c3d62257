import { parseReceive } from "../sim/cmd-recv.ts";
import { EXIT_SIGTERM } from "../sim/exit-codes.ts";
import { cmdReceive, RunningReceive } from "../sim/receive.ts";
import { stopReceivers } from "../sim/recv-abort.ts";
import type { WorldHolder } from "../sim/recv-session.ts";
import { CommandFailure, fail, type Result } from "../sim/result.ts";
import { createWorld } from "../sim/world.ts";
import type { StateFile } from "./state-file.ts";
import { HeaderReader } from "./wire.ts";

/** Progress is stored this often, so that a kill loses little. */
const STORE_MS = 50;

/** A receive whose world is the shared file: each step runs under the lock, on the world as it is then. */
class SharedReceive {
  readonly #state: StateFile;
  readonly #holder: WorldHolder = { world: createWorld() };
  readonly #args: readonly string[];
  #running: RunningReceive | null = null;
  #pending = 0;
  #storedMs = 0;

  constructor(state: StateFile, args: readonly string[]) {
    this.#state = state;
    this.#args = args;
  }

  get result(): Result | null {
    return this.#running?.result ?? null;
  }

  #step<T>(body: () => T): T {
    return this.#state.update((world) => {
      this.#holder.world = world;
      return body();
    });
  }

  /** Bytes of the stream have come. */
  take(header: HeaderReader, bytes: number): void {
    this.#pending += bytes;
    if (header.stream === null) return;
    const { stream } = header;
    const isDue = Date.now() - this.#storedMs >= STORE_MS;
    if (this.#running !== null && !isDue) return;
    this.#step(() => {
      this.#running ??= new RunningReceive(this.#holder, stream, parseReceive(this.#args).options, process.pid);
      this.#running.feed(this.#pending);
    });
    this.#pending = 0;
    this.#storedMs = Date.now();
  }

  /** The input has ended. */
  end(header: HeaderReader): Result {
    if (this.#running === null) {
      if (header.isForeign) fail("cannot receive: invalid stream (bad magic number)");
      fail("cannot receive: failed to read from stream");
    }
    const running = this.#running;
    return this.#step(() => {
      running.feed(this.#pending);
      return running.end();
    });
  }

  /** SIGTERM: keep what has come if -s was given. */
  abort(): void {
    this.#step(() => {
      this.#running?.feed(this.#pending);
      if (this.#running?.result === null) stopReceivers(this.#holder.world, (receiver) => receiver === process.pid);
    });
  }
}

async function receive(state: StateFile, args: readonly string[]): Promise<Result> {
  const header = new HeaderReader();
  const shared = new SharedReceive(state, args);
  process.once("SIGTERM", () => {
    shared.abort();
    process.exit(EXIT_SIGTERM);
  });
  for await (const chunk of process.stdin) {
    shared.take(header, header.push(chunk));
    if (shared.result !== null && shared.result.exitCode !== 0) return shared.result;
    if (header.isForeign) break;
  }
  return shared.end(header);
}

/** `zfs receive …` as a process; resolves to its result. */
export async function runReceive(state: StateFile, args: readonly string[]): Promise<Result> {
  try {
    if (parseReceive(args).abort) return state.update((world) => cmdReceive({ world }, args, null, 0));
    return await receive(state, args);
  } catch (error) {
    if (error instanceof CommandFailure) return { stdout: "", stderr: error.stderr, exitCode: error.exitCode };
    throw error;
  }
}
