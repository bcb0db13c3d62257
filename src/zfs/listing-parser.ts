/** Reader of the one listing per side (`LISTING_COLUMNS`), by bytes: it may have a line for each of a million snapshots. */
import { ParseError } from "./errors.ts";
import type { History } from "./history.ts";
import { ListedVersions, Output } from "./listed-versions.ts";
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
  /** Names of the snapshots that somebody holds. */
  readonly heldSnapshots: readonly string[];
  /** In the order of `compareVersions`. Decoded when asked for: keep the list, not the record, in a loop. */
  readonly versions: readonly FilesystemVersion[];
  /** Some of them, without the others. */
  readonly history: History;
}

const NEWLINE = 10;
const COLUMNS = 9;

/**
 * Reads the lines of `zfs list` as they come, in pieces that may end anywhere. A filesystem's line comes before its
 * versions' lines (zfs-list(8) sorts by name).
 */
export class ListingParser {
  readonly filesystems = new Map<string, ListedFilesystem>();
  #current: ListedVersions | undefined;
  #currentName = new Output(Buffer.alloc(0));
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The piece is kept: its bytes must not change.
   * @throws {ParseError} for a line that is none of a dataset
   */
  push(piece: Buffer): void {
    const broken = this.#rest.length === 0 ? 0 : piece.indexOf(NEWLINE) + 1 || piece.length;
    if (broken > 0) this.#rest = this.#lines(Buffer.concat([this.#rest, piece.subarray(0, broken)]));
    if (broken < piece.length) this.#rest = this.#lines(piece.subarray(broken));
  }

  /** @throws {ParseError} when the output ended in the middle of a line */
  end(): ReadonlyMap<string, FilesystemRecord> {
    if (this.#rest.length > 0) throw new ParseError("zfs list", this.#rest.toString());
    return this.filesystems;
  }

  /** @returns what comes after the last whole line */
  #lines(bytes: Buffer): Buffer {
    const output = new Output(bytes);
    let start = 0;
    for (;;) {
      start = this.#current?.take(output, start, this.#currentName) ?? start;
      const end = bytes.indexOf(NEWLINE, start);
      if (end === -1) return bytes.subarray(start);
      if (this.#open(bytes.subarray(start, end))) start = end + 1;
    }
  }

  /** Makes the filesystem of a line the current one. Returns whether the line is that filesystem's own. */
  #open(bytes: Buffer): boolean {
    const line = bytes.toString();
    const fields = line.split("\t");
    const [name = "", type, guid, , token, encryption, placeholder] = fields;
    if (type === "filesystem" || type === "volume") {
      if (name === "" || fields.length !== COLUMNS || !isNumber(guid)) throw new ParseError("zfs list", line);
      const properties = {
        resumeToken: unlessDash(token),
        encrypted: encryption !== "off" && encryption !== "-",
        placeholderValue: unlessDash(placeholder),
      };
      this.#currentName = new Output(bytes.subarray(0, Buffer.byteLength(name)));
      this.#current = new ListedVersions(this.#currentName.bytes.length);
      this.filesystems.set(name, new ListedFilesystem(name, type, guid, properties, this.#current));
      return true;
    }
    const filesystem = name.slice(0, Math.max(0, name.search(/[@#]/)));
    const current = this.filesystems.get(filesystem)?.history;
    if (current === undefined || current === this.#current) throw new ParseError("zfs list", line);
    this.#currentName = new Output(bytes.subarray(0, Buffer.byteLength(filesystem)));
    this.#current = current;
    return false;
  }
}

interface Properties {
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  readonly placeholderValue: string | undefined;
}

class ListedFilesystem implements FilesystemRecord {
  readonly name: string;
  readonly type: "filesystem" | "volume";
  readonly guid: string;
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  readonly placeholderValue: string | undefined;
  readonly history: ListedVersions;

  constructor(
    name: string,
    type: "filesystem" | "volume",
    guid: string,
    properties: Properties,
    history: ListedVersions,
  ) {
    this.name = name;
    this.type = type;
    this.guid = guid;
    this.resumeToken = properties.resumeToken;
    this.encrypted = properties.encrypted;
    this.placeholderValue = properties.placeholderValue;
    this.history = history;
  }

  get heldSnapshots(): readonly string[] {
    return this.history.heldSnapshots;
  }

  get versions(): readonly FilesystemVersion[] {
    return this.history.versions;
  }
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text);
}

function unlessDash(text: string | undefined): string | undefined {
  return text === "-" || text === "" ? undefined : text;
}
