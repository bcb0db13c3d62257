/** Argument vectors of the zfs programs. Pure: what we run can be tested without running it. Names are never quoted: no shell sees them. */

/**
 * Columns of the one listing per side, in this order; `ListingParser` reads them. What is looked at in every line comes last:
 * it is found from the line's end, whatever somebody has put into zrepl:placeholder.
 */
export const LISTING_COLUMNS = [
  "name",
  "type",
  "guid",
  "creation",
  "receive_resume_token",
  "encryption",
  "zrepl:placeholder",
  "userrefs",
  "createtxg",
] as const;

export interface ListingRequest {
  /** Datasets to start from; empty = all pools. */
  readonly roots: readonly string[];
  /** Levels below the roots; absent = all. With 0, snapshots of the roots themselves would be left out. */
  readonly depth?: number;
}

export function buildListArgv(request: ListingRequest): string[] {
  const depth = request.depth === undefined ? ["-r"] : ["-d", String(request.depth)];
  const types = ["-t", "filesystem,volume,snapshot,bookmark"];
  return ["zfs", "list", "-Hp", ...depth, ...types, "-o", LISTING_COLUMNS.join(","), "--", ...request.roots];
}

/** Flags of `zfs send`, in zrepl's order (zrepl-behaviour.md §2.11). */
export interface SendFlags {
  readonly raw: boolean;
  readonly properties: boolean;
  readonly backup: boolean;
  readonly largeBlocks: boolean;
  readonly compressed: boolean;
  readonly embedded: boolean;
  readonly saved: boolean;
}

/** The blocks alone, as they are. */
export const NO_SEND_FLAGS: SendFlags = {
  raw: false,
  properties: false,
  backup: false,
  largeBlocks: false,
  compressed: false,
  embedded: false,
  saved: false,
};

export type SendTarget =
  | {
      /** Full names: `fs@to`, and `fs@from` or `fs#from`. */
      readonly to: string;
      readonly from?: string;
      /** All snapshots between `from` and `to` too (`-I`). */
      readonly intermediates?: boolean;
      readonly flags: SendFlags;
    }
  | { readonly resumeToken: string };

/** With `-vP` the size and the progress go to stderr, once a second. */
export function buildSendArgv(target: SendTarget): string[] {
  return ["zfs", "send", "-v", "-P", ...sendTargetArgs(target)];
}

export function buildSendEstimateArgv(target: SendTarget): string[] {
  return ["zfs", "send", "-n", "-v", "-P", ...sendTargetArgs(target)];
}

function sendTargetArgs(target: SendTarget): string[] {
  if ("resumeToken" in target) return ["-t", target.resumeToken];
  const from = target.from === undefined ? [] : [target.intermediates ? "-I" : "-i", target.from];
  return [...sendFlagArgs(target.flags), ...from, target.to];
}

function sendFlagArgs(flags: SendFlags): string[] {
  const letters: [boolean, string][] = [
    [flags.raw, "-w"],
    [flags.properties, "-p"],
    [flags.backup, "-b"],
    [flags.largeBlocks, "-L"],
    [flags.compressed, "-c"],
    [flags.embedded, "-e"],
    [flags.saved, "-S"],
  ];
  return letters.filter(([on]) => on).map(([, letter]) => letter);
}

export interface RecvRequest {
  /**
   * `fs@name`; for a stream of several snapshots (`zfs send -I`) just `fs`: zfs would give the name to the first of them
   * and then fail on the next.
   */
  readonly target: string;
  /** Replace an empty placeholder (`-F`). */
  readonly force: boolean;
  /** Keep partial state for resuming (`-s`). */
  readonly resumable: boolean;
  readonly inheritProperties: readonly string[];
  readonly overrideProperties: Readonly<Record<string, string>>;
}

/** `-u`: a received filesystem is not mounted by the receive; what the stream says must not decide where. */
export function buildRecvArgv(request: RecvRequest): string[] {
  const flags = ["-u", ...(request.force ? ["-F"] : []), ...(request.resumable ? ["-s"] : [])];
  const inherit = request.inheritProperties.flatMap((name) => ["-x", name]);
  const override = Object.entries(request.overrideProperties).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["zfs", "recv", ...flags, ...inherit, ...override, request.target];
}

/** The kernel's limit for one argument list is 2 MiB with the environment; a quarter of it leaves room for both. */
const MAX_ARGUMENT_BYTES = 512 * 1024;

/** Splits a list of arguments so that each part fits into one command. */
export function chunkArguments(args: readonly string[], maxBytes = MAX_ARGUMENT_BYTES): string[][] {
  const chunks: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const arg of args) {
    const size = arg.length + 9; // the bytes, the final NUL, the pointer
    if (bytes + size > maxBytes) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(arg);
    bytes += size;
  }
  return chunks;
}
