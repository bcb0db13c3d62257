/**
 * The versions of one filesystem as the bytes that zfs printed: as objects, millions would not fit in memory, and most are
 * never looked at. Each line is read once, for its end, whether its snapshot is held, and the order of createtxg.
 */
import { type History, inOrder } from "./history.ts";
import type { FilesystemVersion } from "./version.ts";
import { decodeLines } from "./version-line.ts";

const [TAB, NEWLINE, HASH, DASH, ZERO, AT] = [9, 10, 35, 45, 48, 64];

/** What came from zfs, in two ways: a Buffer is searched fast, a DataView compared fast. */
export class Output {
  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Whole lines that follow each other. */
interface Piece {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const NONE: readonly never[] = [];

/** Decoded lists that are kept, so that whoever looks at one filesystem for a while decodes it once. */
const RECENT = 8;
const recent: ListedVersions[] = [];

export class ListedVersions implements History {
  readonly #filesystemLength: number;
  #snapshots: readonly Piece[] = NONE;
  #bookmarks: readonly Piece[] = NONE;
  #held: readonly string[] = NONE;
  /** createtxg of the last snapshot's line; NaN = they don't ascend, so that the last one need not be the newest. */
  #lastTxg = -1;
  #decoded: readonly FilesystemVersion[] | undefined;

  /** `filesystemLength`: of its name, in bytes. */
  constructor(filesystemLength: number) {
    this.#filesystemLength = filesystemLength;
  }

  /**
   * Takes the lines that are about versions of this filesystem, from `start` on. The output is kept.
   * @returns where the first line begins that is not, or that has no end yet
   */
  take(output: Output, start: number, filesystem: Output): number {
    for (let at = start; ; ) {
      const snapshotsEnd = this.#linesEnd(AT, output, at, filesystem);
      if (snapshotsEnd > at)
        this.#snapshots = append(this.#snapshots, { bytes: output.bytes, start: at, end: snapshotsEnd });
      const end = this.#linesEnd(HASH, output, snapshotsEnd, filesystem);
      if (end > snapshotsEnd)
        this.#bookmarks = append(this.#bookmarks, { bytes: output.bytes, start: snapshotsEnd, end });
      if (end === at) return at;
      this.#decoded = undefined;
      at = end;
    }
  }

  /** Names of the snapshots that somebody holds. */
  get heldSnapshots(): readonly string[] {
    return this.#held;
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
      decodeLines(bytes.toString("latin1", start, end), this.#filesystemLength, versions);
    return versions;
  }

  /**
   * Where the lines end that begin at `start` and are about one kind of version. Notes what has to be known of all of them.
   * Every byte of a listing goes through here: searched by native code, compared eight at a time, all in one function.
   */
  #linesEnd(delimiter: number, { bytes, view }: Output, start: number, filesystem: Output): number {
    const length = this.#filesystemLength;
    let lastTxg = this.#lastTxg;
    for (let lineStart = start; ; ) {
      const nameStart = lineStart + length + 1;
      const end = bytes.indexOf(NEWLINE, lineStart);
      let same = -1;
      if (end >= nameStart && bytes[nameStart - 1] === delimiter) {
        const { bytes: nameBytes, view: nameView } = filesystem;
        same = 0;
        // no text is -0; what is no number differs from itself, and is compared again
        while (same + 8 <= length && view.getFloat64(lineStart + same) === nameView.getFloat64(same)) same += 8;
        while (same < length && bytes[lineStart + same] === nameBytes[same]) same++;
      }
      if (same < length) {
        this.#lastTxg = lastTxg;
        return lineStart;
      }
      lineStart = end + 1;
      if (delimiter === HASH) continue;
      let createtxg = 0;
      let at = end - 1;
      for (let weight = 1; at > nameStart; at--) {
        const digit = (bytes[at] as number) - ZERO;
        if (digit < 0 || digit > 9) break;
        createtxg += digit * weight;
        weight *= 10;
      }
      const ascends = createtxg > lastTxg && createtxg <= Number.MAX_SAFE_INTEGER && bytes[at] === TAB;
      lastTxg = ascends ? createtxg : Number.NaN;
      const isFree = (bytes[at - 1] === ZERO || bytes[at - 1] === DASH) && bytes[at - 2] === TAB;
      if (!isFree) this.#held = append(this.#held, bytes.toString("utf8", nameStart, bytes.indexOf(TAB, nameStart)));
    }
  }
}

/** Adds to a list that nobody else has, or makes one: most filesystems have none, and there may be many of them. */
function append<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item];
  (list as T[]).push(item);
  return list;
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
