/** Reader of the one listing per side (`LISTING_COLUMNS`), by bytes: it may have a line for each of a million snapshots. */
import { ParseError } from "./errors.ts";
import { compareVersions, type FilesystemVersion, isInOrder } from "./version.ts";

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
}

const [TAB, NEWLINE, HASH, DASH, ZERO, AT] = [9, 10, 35, 45, 48, 64];
const COLUMNS = 9;

/**
 * Reads the lines of `zfs list` as they come, in pieces that may end anywhere. A filesystem's line comes before its
 * versions' lines (zfs-list(8) sorts by name).
 */
export class ListingParser {
  readonly filesystems = new Map<string, FilesystemRecord>();
  #current: ListedFilesystem | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** @throws {ParseError} for a line that is none of a dataset */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    // lines of one filesystem that follow each other are kept as one piece
    let pieceStart = 0;
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      if (this.#current?.takes(bytes, start, end) !== true) {
        this.#current?.add(bytes.subarray(pieceStart, start));
        const isDataset = this.#open(bytes, start, end);
        pieceStart = isDataset ? end + 1 : start;
      }
      start = end + 1;
    }
    this.#current?.add(bytes.subarray(pieceStart, start));
    this.#rest = Buffer.from(bytes.subarray(start));
  }

  /** @throws {ParseError} when the output ended in the middle of a line */
  end(): ReadonlyMap<string, FilesystemRecord> {
    if (this.#rest.length > 0) throw new ParseError("zfs list", this.#rest.toString());
    return this.filesystems;
  }

  /** Makes the filesystem of a line the current one. Returns whether the line is that filesystem's own. */
  #open(bytes: Buffer, start: number, end: number): boolean {
    const line = bytes.toString("utf8", start, end);
    const fields = line.split("\t");
    const [name = "", type, guid, , , , token, encryption, placeholder] = fields;
    if (type === "filesystem" || type === "volume") {
      if (fields.length !== COLUMNS || !isNumber(guid)) throw new ParseError("zfs list", line);
      this.#current = new ListedFilesystem(name, type, guid, {
        resumeToken: unlessDash(token),
        encrypted: encryption !== "off" && encryption !== "-",
        placeholderValue: unlessDash(placeholder),
      });
      this.filesystems.set(name, this.#current);
      return true;
    }
    const current = this.filesystems.get(name.slice(0, Math.max(0, name.search(/[@#]/))));
    if (!(current instanceof ListedFilesystem) || !current.takes(bytes, start, end))
      throw new ParseError("zfs list", line);
    this.#current = current;
    return false;
  }
}

interface Properties {
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  readonly placeholderValue: string | undefined;
}

/** Decoded lists that are kept, so that whoever looks at one filesystem for a while decodes it once. */
const RECENT = 8;
const recent: ListedFilesystem[] = [];

/** The versions stay the bytes that zfs printed until somebody looks: as objects, millions would not fit in memory. */
class ListedFilesystem implements FilesystemRecord {
  readonly name: string;
  readonly type: "filesystem" | "volume";
  readonly guid: string;
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  readonly placeholderValue: string | undefined;
  readonly heldSnapshots: string[] = [];
  readonly #nameBytes: Buffer;
  #pieces: string[] = [];
  #decoded: readonly FilesystemVersion[] | undefined;

  constructor(name: string, type: "filesystem" | "volume", guid: string, properties: Properties) {
    this.name = name;
    this.type = type;
    this.guid = guid;
    this.resumeToken = properties.resumeToken;
    this.encrypted = properties.encrypted;
    this.placeholderValue = properties.placeholderValue;
    this.#nameBytes = Buffer.from(name);
  }

  /** Whether a line is about a version of this filesystem; notes whether it is held. */
  takes(bytes: Buffer, start: number, end: number): boolean {
    const own = this.#nameBytes;
    const delimiter = bytes[start + own.length];
    if (delimiter !== AT && delimiter !== HASH) return false;
    // names differ at their ends
    for (let i = own.length - 1; i >= 0; i--) if (bytes[start + i] !== own[i]) return false;
    if (delimiter === AT && !isFree(bytes, end)) {
      const nameEnd = bytes.indexOf(TAB, start);
      this.heldSnapshots.push(bytes.toString("utf8", start + own.length + 1, nameEnd));
    }
    return true;
  }

  /** Keeps a copy of lines that it takes. */
  add(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#pieces.push(lines.toString("latin1")); // names of datasets are ASCII (zfs(8))
    this.#decoded = undefined;
  }

  get versions(): readonly FilesystemVersion[] {
    if (this.#decoded !== undefined) return this.#decoded;
    const [first = "", ...more] = this.#pieces;
    const versions = decodeLines(first, this.#nameBytes.length);
    for (const piece of more) versions.push(...decodeLines(piece, this.#nameBytes.length));
    this.#decoded = isInOrder(versions) ? versions : versions.sort(compareVersions);
    recent.push(this);
    if (recent.length > RECENT) recent.shift()?.forget();
    return this.#decoded;
  }

  /** Lets go of the decoded list. */
  forget(): void {
    this.#decoded = undefined;
  }
}

/** Whether the line that ends here has 0 in its column userrefs, the fourth from the end. */
function isFree(bytes: Buffer, end: number): boolean {
  let at = end;
  for (let tabs = 0; tabs < 3; tabs++) at = bytes.lastIndexOf(TAB, at - 1);
  return (bytes[at - 1] === ZERO || bytes[at - 1] === DASH) && bytes[at - 2] === TAB;
}

/** @throws {ParseError} */
function decodeLines(text: string, filesystemLength: number): FilesystemVersion[] {
  const versions: FilesystemVersion[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const nameEnd = text.indexOf("\t", start);
    const typeEnd = text.indexOf("\t", nameEnd + 1);
    const guidEnd = text.indexOf("\t", typeEnd + 1);
    const txgEnd = text.indexOf("\t", guidEnd + 1);
    const creationEnd = text.indexOf("\t", txgEnd + 1);
    const userrefsEnd = text.indexOf("\t", creationEnd + 1);
    const createtxg = numberAt(text, guidEnd + 1, txgEnd);
    const creationSec = numberAt(text, txgEnd + 1, creationEnd);
    const kind = text.startsWith("snapshot", nameEnd + 1) ? "snapshot" : "bookmark";
    const isSound =
      typeEnd === nameEnd + 1 + kind.length &&
      text.startsWith(kind, nameEnd + 1) &&
      !Number.isNaN(numberAt(text, typeEnd + 1, guidEnd) + createtxg + creationSec) &&
      userrefsEnd < end;
    if (!isSound) throw new ParseError("zfs list", text.slice(start, end));
    versions.push({
      kind,
      name: text.slice(start + filesystemLength + 1, nameEnd),
      guid: text.slice(typeEnd + 1, guidEnd),
      createtxg: BigInt(createtxg <= Number.MAX_SAFE_INTEGER ? createtxg : text.slice(guidEnd + 1, txgEnd)),
      creationSec,
      userrefs: numberAt(text, creationEnd + 1, userrefsEnd) || 0,
    });
    start = end + 1;
  }
  return versions;
}

/** The number that these digits are, NaN if they are none; exact up to `MAX_SAFE_INTEGER`. */
function numberAt(text: string, start: number, end: number): number {
  let value = end > start ? 0 : Number.NaN;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text);
}

function unlessDash(text: string | undefined): string | undefined {
  return text === "-" || text === "" ? undefined : text;
}
