import type { Options } from "./options.ts";
import type { Result } from "./result.ts";
import { formatBytes } from "./size.ts";
import type { SendStream } from "./stream.ts";
import type { Bookmark, Snapshot } from "./world.ts";

/** What `zfs send` did: its messages, and the stream unless it was a dry run or failed. */
export interface SendOutcome extends Result {
  readonly stream: SendStream | null;
}

/** One snapshot to send. */
export interface SendItem {
  readonly to: Snapshot;
  readonly from: Snapshot | Bookmark | null;
  /** What is printed for `from`: the full name for -i, the snapshot's own for -I. */
  readonly fromName: string | null;
  readonly isClone: boolean;
}

function line(fs: string, item: SendItem, bytes: number, parsable: boolean): string {
  const to = `${fs}@${item.to.name}`;
  if (parsable)
    return item.fromName === null ? `full\t${to}\t${bytes}\n` : `incremental\t${item.fromName}\t${to}\t${bytes}\n`;
  const from = /[@#]/.test(item.fromName ?? "") ? item.fromName : `@${item.fromName}`;
  const what = item.fromName === null ? `full send of ${to}` : `send from ${from} to ${to}`;
  return `${what} estimated size is ${formatBytes(bytes)}\n`;
}

/** What `-v` and `-P` print before the stream. */
export function describeSend(
  fs: string,
  items: readonly SendItem[],
  sizes: readonly number[],
  options: Options,
): string {
  const parsable = options.flags.has("P");
  if (!options.flags.has("v") && !parsable) return "";
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const lines = items.map((item, i) => line(fs, item, sizes[i] ?? 0, parsable)).join("");
  return lines + (parsable ? `size\t${total}\n` : `total estimated size is ${formatBytes(total)}\n`);
}

/** A dry run prints to stdout, a real send to stderr. */
export function finish(stream: SendStream, report: string, warning: string, options: Options): SendOutcome {
  const dryRun = options.flags.has("n");
  return {
    stdout: dryRun ? report : "",
    stderr: warning + (dryRun ? "" : report),
    exitCode: 0,
    stream: dryRun ? null : stream,
  };
}
