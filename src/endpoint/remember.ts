/**
 * What `run` has seen of this host, for its next phase: a listing counts until a command of ours may have changed
 * something. Nothing is destroyed on the word of a listing alone: guids are looked up again right before.
 */
import type { Runner } from "../zfs/runner.ts";

/** Others change things, too: what is older than this is looked at again. */
const MAX_AGE_MS = 60_000;

class Memory {
  /** Rises with everything that may be a change. */
  changes = 0;
  readonly seen = new Map<unknown, { readonly value: unknown; readonly sinceMs: number }>();

  change(): void {
    this.changes++;
    this.seen.clear();
  }
}

const memories = new WeakMap<Runner, Memory>();

/** A runner whose users share what they observe. Not for jobs with hooks around phases: those are programs of others. */
export function rememberingRunner(runner: Runner): Runner {
  const memory = new Memory();
  const changing = async <T>(body: () => Promise<T>): Promise<T> => {
    memory.change();
    try {
      return await body();
    } finally {
      memory.change();
    }
  };
  const remembering: Runner = {
    run: (argv, options) => (onlyLooks(argv) ? runner.run(argv, options) : changing(() => runner.run(argv, options))),
    transfer: (source, sink, options) => changing(() => runner.transfer(source, sink, options)),
  };
  memories.set(remembering, memory);
  return remembering;
}

function onlyLooks([program, verb = ""]: readonly string[]): boolean {
  return (program === "zfs" && ["list", "get", "holds"].includes(verb)) || (program === "zpool" && verb === "list");
}

/** Looks, unless it was done with the same `key` before and still counts. A key stands for one way to look. */
export async function lookOnce<T>(runner: Runner, key: unknown, look: () => Promise<T>): Promise<T> {
  const memory = memories.get(runner);
  if (memory === undefined) return look();
  const sinceMs = performance.now();
  const known = memory.seen.get(key);
  if (known !== undefined && sinceMs - known.sinceMs < MAX_AGE_MS) return known.value as T;
  const { changes } = memory;
  const value = await look();
  if (memory.changes === changes) memory.seen.set(key, { value, sinceMs });
  return value;
}
