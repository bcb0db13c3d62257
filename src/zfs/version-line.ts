/** The lines of the one listing per side (`LISTING_COLUMNS`) that are about snapshots and bookmarks. */
import { ParseError } from "./errors.ts";
import type { FilesystemVersion } from "./version.ts";

const [TAB, ZERO] = [9, 48];

/**
 * Adds what whole lines say, in their order; they begin with the filesystem's name.
 * @throws {ParseError}
 */
export function decodeLines(text: string, filesystemLength: number, versions: FilesystemVersion[]): void {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const nameEnd = text.indexOf("\t", start);
    const typeEnd = text.indexOf("\t", nameEnd + 1);
    const guidEnd = text.indexOf("\t", typeEnd + 1);
    const creationEnd = text.indexOf("\t", guidEnd + 1);
    const txgStart = columnStart(text, end);
    const userrefsStart = columnStart(text, txgStart - 1);
    const createtxg = numberAt(text, txgStart, end);
    const creationSec = numberAt(text, guidEnd + 1, creationEnd);
    const kind = text[start + filesystemLength] === "@" ? "snapshot" : "bookmark";
    const isSound =
      typeEnd === nameEnd + 1 + kind.length &&
      text.startsWith(kind, nameEnd + 1) &&
      !Number.isNaN(numberAt(text, typeEnd + 1, guidEnd) + createtxg + creationSec) &&
      creationEnd < userrefsStart;
    if (!isSound) throw new ParseError("zfs list", text.slice(start, end));
    versions.push({
      kind,
      name: text.slice(start + filesystemLength + 1, nameEnd),
      guid: text.slice(typeEnd + 1, guidEnd),
      createtxg: BigInt(createtxg <= Number.MAX_SAFE_INTEGER ? createtxg : text.slice(txgStart, end)),
      creationSec,
      userrefs: numberAt(text, userrefsStart, txgStart - 1) || 0,
    });
    start = end + 1;
  }
}

/** Where the column begins that ends here. */
function columnStart(text: string, end: number): number {
  let start = end;
  while (start > 0 && text.charCodeAt(start - 1) !== TAB) start--;
  return start;
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
