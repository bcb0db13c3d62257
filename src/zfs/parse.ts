/** Readers of the zfs programs' machine output (`-Hp`: tab-separated, one line each; names may contain blanks). */
import { ParseError } from "./errors.ts";
import type { FilesystemVersion } from "./version.ts";

/** One filesystem or volume with its versions, as one `zfs list` shows it. */
export interface FilesystemRecord {
  readonly name: string;
  readonly type: "filesystem" | "volume";
  readonly guid: string;
  /** `receive_resume_token` of an interrupted receive into it. */
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  /** The value of zrepl:placeholder, local or inherited; undefined = not set. */
  readonly placeholderValue: string | undefined;
  /** In the listing's order. */
  readonly versions: FilesystemVersion[];
}

/**
 * Reads the lines of `zfs list` with `LISTING_COLUMNS` as they come, in pieces that may end anywhere, without keeping
 * the text. A filesystem's line comes before its versions' lines (zfs-list(8) sorts by name).
 */
export class ListingParser {
  readonly filesystems = new Map<string, FilesystemRecord>();
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(chunk: Uint8Array): void {
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#line(text.slice(start, end));
      start = end + 1;
    }
    this.#rest = text.slice(start);
  }

  /** @throws {ParseError} when the output ended in the middle of a line */
  end(): ReadonlyMap<string, FilesystemRecord> {
    if (this.#rest !== "") throw new ParseError("zfs list", this.#rest);
    return this.filesystems;
  }

  #line(line: string): void {
    const fields = line.split("\t");
    const [name, type, guid, createtxg, creation, userrefs, token, encryption, placeholder] = fields;
    if (fields.length !== 9 || name === undefined || !isNumber(guid) || !isNumber(createtxg) || !isNumber(creation))
      throw new ParseError("zfs list", line);
    if (type === "filesystem" || type === "volume") {
      this.filesystems.set(name, {
        name,
        type,
        guid,
        resumeToken: unlessDash(token),
        encrypted: encryption !== "off" && encryption !== "-",
        placeholderValue: unlessDash(placeholder),
        versions: [],
      });
      return;
    }
    if (type !== "snapshot" && type !== "bookmark") throw new ParseError("zfs list", line);
    const delimiter = name.indexOf(type === "snapshot" ? "@" : "#");
    const filesystem = this.filesystems.get(name.slice(0, delimiter));
    if (filesystem === undefined) throw new ParseError("zfs list", line);
    filesystem.versions.push({
      kind: type,
      name: name.slice(delimiter + 1),
      guid,
      createtxg: BigInt(createtxg),
      creationSec: Number(creation),
      userrefs: isNumber(userrefs) ? Number(userrefs) : 0,
    });
  }
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text);
}

function unlessDash(text: string | undefined): string | undefined {
  return text === "-" || text === "" ? undefined : text;
}

export interface HoldRecord {
  /** `fs@name`. */
  readonly snapshot: string;
  readonly tag: string;
}

/** Reads `zfs holds -H SNAPSHOT…`: name, tag, time. */
export function parseHolds(stdout: string): HoldRecord[] {
  return lines(stdout).map((line) => {
    const [snapshot, tag, time] = line.split("\t");
    if (snapshot === undefined || tag === undefined || time === undefined) throw new ParseError("zfs holds", line);
    return { snapshot, tag };
  });
}

export interface PropertyRecord {
  readonly dataset: string;
  readonly property: string;
  readonly value: string;
  /** `local`, `default`, `inherited from x`, `temporary`, `received` or `-`. */
  readonly source: string;
}

/** Reads `zfs get -Hp -o name,property,value,source`. A value may be empty, or contain tabs. */
export function parseProperties(stdout: string): PropertyRecord[] {
  return lines(stdout).map((line) => {
    const fields = line.split("\t");
    const [dataset, property] = fields;
    const source = fields.at(-1);
    if (fields.length < 4 || dataset === undefined || property === undefined || source === undefined)
      throw new ParseError("zfs get", line);
    return { dataset, property, value: fields.slice(2, -1).join("\t"), source };
  });
}

/** Estimates at or above this are a known OpenZFS fault (zrepl issue 463) and mean "unknown". */
const ABSURD_ESTIMATE = 2n ** 63n - 1n;

/**
 * Reads the size line of `zfs send -nvP` (also among the lines of `zfs send -vP` on stderr):
 * `full\tTO\tSIZE`, `incremental\tFROM\tTO\tSIZE` or `size\tSIZE`. Bytes; undefined = unknown.
 */
export function parseSendEstimate(text: string): number | undefined {
  let estimate: number | undefined;
  for (const line of lines(text)) {
    const size = /^size\t(\d+)$/.exec(line)?.[1] ?? /^(?:full|incremental)\t.*@.*?\t(\d+)$/.exec(line)?.[1];
    if (size === undefined) continue;
    if (BigInt(size) >= ABSURD_ESTIMATE) return undefined;
    estimate = Number(size);
    if (line.startsWith("size\t")) return estimate;
  }
  return estimate;
}

/** Reads one progress line of `zfs send -vP`: `HH:MM:SS\tBYTES\tSNAPSHOT`. Bytes sent so far of that snapshot. */
export function parseSendProgress(line: string): { readonly bytes: number; readonly snapshot: string } | undefined {
  const match = /^\d\d:\d\d:\d\d\t(\d+)\t(.*)$/.exec(line);
  return match === null ? undefined : { bytes: Number(match[1]), snapshot: match[2] ?? "" };
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
