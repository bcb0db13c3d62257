/** Filesystems with random histories, as `zfs list` would print them: what it never prints in practice, too. */
import fc from "fast-check";
import { LISTING_COLUMNS } from "../src/zfs/argv.ts";
import { type FilesystemRecord, ListingParser } from "../src/zfs/listing-parser.ts";
import { type FilesystemVersion, relativeName } from "../src/zfs/version.ts";

const createtxg = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 1n, max: 12n }) },
  fc.bigInt({ min: 999_990n, max: 1_000_010n }),
  fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 12n }),
  fc.bigInt({ min: 2n ** 64n - 5n, max: 2n ** 64n - 1n }),
);

const version: fc.Arbitrary<FilesystemVersion> = fc.record({
  kind: fc.constantFrom("snapshot" as const, "snapshot" as const, "snapshot" as const, "bookmark" as const),
  name: fc.constantFrom(..."abcdefghij", "zrepl_20260101_000000_000", "with blank", "1000"),
  guid: fc.constantFrom(...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `1000000000000000000${i}`), "7"),
  createtxg,
  creationSec: fc.nat(2_000_000_000),
  userrefs: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 12),
});

/** Versions in the order of their lines; half of them ascend, as they nearly always do. */
export const history: fc.Arbitrary<readonly FilesystemVersion[]> = fc
  .tuple(fc.uniqueArray(version, { selector: relativeName, maxLength: 14 }), fc.boolean())
  .map(([versions, ascends]) =>
    ascends
      ? versions.toSorted((a, b) => Number(a.createtxg > b.createtxg) - Number(a.createtxg < b.createtxg))
      : versions,
  );

export function filesystemLine(name: string, values: Readonly<Record<string, string>> = {}): string {
  return line({ name, type: "filesystem", guid: "5", creation: "1", createtxg: "1", encryption: "off", ...values });
}

export function versionLine(filesystem: string, version: FilesystemVersion, placeholder = "-"): string {
  const { kind, guid, creationSec, userrefs } = version;
  return line({
    ...{ name: filesystem + relativeName(version), type: kind, guid, creation: String(creationSec) },
    ...{ createtxg: String(version.createtxg), userrefs: kind === "snapshot" ? String(userrefs) : "-" },
    ...{ encryption: "off", "zrepl:placeholder": placeholder },
  });
}

function line(values: Readonly<Record<string, string>>): string {
  return `${LISTING_COLUMNS.map((column) => values[column] ?? "-").join("\t")}\n`;
}

/** Reads a listing that comes in pieces of so many bytes. */
export function parseListing(
  text: string,
  pieceBytes = Number.POSITIVE_INFINITY,
): ReadonlyMap<string, FilesystemRecord> {
  const parser = new ListingParser();
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += pieceBytes) parser.push(bytes.subarray(i, i + pieceBytes));
  return parser.end();
}
