/**
 * The versions of one filesystem as the bytes that zfs printed: as objects, millions would not fit in memory, and most are
 * never looked at. Each line is read once, for its end, whether its snapshot is held, and the order of createtxg.
 */
import { type History, inOrder } from "./history.ts";
import type { FilesystemVersion } from "./version.ts";
import { decodeLines } from "./version-line.ts";

const [TAB, NEWLINE, HASH, DASH, ZERO, AT] = [9, 10, 35, 45, 48, 64];

/** Whole lines that follow each other. */
interface Piece {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const NONE: readonly FilesystemVersion[] = [];

/** Decoded lists that are kept, so that whoever looks at one filesystem for a while decodes it once. */
const RECENT = 8;
const recent: ListedVersions[] = [];

export class ListedVersions implements History {
  /** Names of the snapshots that somebody holds. */
  readonly heldSnapshots: string[] = [];
  readonly #filesystem: DataView;
  readonly #snapshots: Piece[] = [];
  readonly #bookmarks: Piece[] = [];
  /** createtxg of the last snapshot's line; NaN = they don't ascend, so that the last one need not be the newest. */
  #lastTxg = -1;
  #decoded: readonly FilesystemVersion[] | undefined;

  constructor(filesystem: string) {
    this.#filesystem = viewOf(Buffer.from(filesystem));
  }

  /**
   * Takes the lines that are about its versions, from `start` on. The bytes are kept.
   * @returns where the first line begins that is not, or that has no end yet
   */
  take(bytes: Buffer, start: number): number {
    const view = viewOf(bytes);
    for (let at = start; ; ) {
      const snapshotsEnd = this.#takeKind(AT, this.#snapshots, bytes, view, at);
      const bookmarksEnd = this.#takeKind(HASH, this.#bookmarks, bytes, view, snapshotsEnd);
      if (bookmarksEnd === at) return at;
      this.#decoded = undefined;
      at = bookmarksEnd;
    }
  }

  get versions(): readonly FilesystemVersion[] {
    if (this.#decoded !== undefined) return this.#decoded;
    this.#decoded = inOrder(this.#decode([...this.#snapshots, ...this.#bookmarks]));
    recent.push(this);
    if (recent.length > RECENT) recent.shift()?.forget();
    return this.#decoded;
  }

  get bookmarks(): readonly FilesystemVersion[] {
    return this.#bookmarks.length === 0 ? NONE : inOrder(this.#decode(this.#bookmarks));
  }

  newest(count: number): readonly FilesystemVersion[] {
    if (Number.isNaN(this.#lastTxg)) return this.versions.slice(-count);
    const snapshots = this.#decode(lastLines(this.#snapshots, count));
    return this.#bookmarks.length === 0 ? snapshots : inOrder([...this.bookmarks, ...snapshots]).slice(-count);
  }

  /** Lets go of the decoded list. */
  forget(): void {
    this.#decoded = undefined;
  }

  #decode(pieces: readonly Piece[]): FilesystemVersion[] {
    const versions: FilesystemVersion[] = [];
    // names of datasets are ASCII (zfs(8))
    for (const { bytes, start, end } of pieces)
      decodeLines(bytes.toString("latin1", start, end), this.#filesystem.byteLength, versions);
    return versions;
  }

  #takeKind(delimiter: number, pieces: Piece[], bytes: Buffer, view: DataView, start: number): number {
    let end = start;
    for (let next = start; next !== -1; next = this.#lineEnd(delimiter, bytes, view, end)) end = next;
    if (end > start) pieces.push({ bytes, start, end });
    return end;
  }

  /** Where the line ends that begins at `start`, -1 if it is none of these. Notes what has to be known of every line. */
  #lineEnd(delimiter: number, bytes: Buffer, view: DataView, start: number): number {
    const nameStart = start + this.#filesystem.byteLength + 1;
    const end = bytes.indexOf(NEWLINE, start);
    if (end < nameStart || bytes[nameStart - 1] !== delimiter || !beginsWith(view, start, this.#filesystem)) return -1;
    if (delimiter === HASH) return end + 1;
    let createtxg = 0;
    let at = end - 1;
    for (let weight = 1; at > nameStart; at--) {
      const digit = (bytes[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      createtxg += digit * weight;
      weight *= 10;
    }
    const ascends = createtxg > this.#lastTxg && createtxg <= Number.MAX_SAFE_INTEGER && bytes[at] === TAB;
    this.#lastTxg = ascends ? createtxg : Number.NaN;
    const isFree = (bytes[at - 1] === ZERO || bytes[at - 1] === DASH) && bytes[at - 2] === TAB;
    if (!isFree) this.heldSnapshots.push(bytes.toString("utf8", nameStart, bytes.indexOf(TAB, nameStart)));
    return end + 1;
  }
}

/** The last lines, so many, or all. */
function lastLines(pieces: readonly Piece[], count: number): Piece[] {
  const last: Piece[] = [];
  let missing = count;
  for (let i = pieces.length - 1; i >= 0 && missing > 0; i--) {
    const { bytes, start, end } = pieces[i] as Piece;
    let at = end;
    for (; at > start && missing > 0; missing--) {
      at--;
      while (at > start && bytes[at - 1] !== NEWLINE) at--;
    }
    last.unshift({ bytes, start: at, end });
  }
  return last;
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Whether these bytes are there; four at a time, as every line is asked. */
function beginsWith(view: DataView, start: number, wanted: DataView): boolean {
  const length = wanted.byteLength;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getInt32(start + i) !== wanted.getInt32(i)) return false;
  for (; i < length; i++) if (view.getUint8(start + i) !== wanted.getUint8(i)) return false;
  return true;
}
