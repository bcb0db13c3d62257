/** Writes what `zfs list` would say of F filesystems with S snapshots each, in the columns that zrepl-run asks for. */
import { closeSync, openSync, writeSync } from "node:fs";
import { LISTING_COLUMNS } from "../../src/zfs/argv.ts";

export interface ListingSize {
  readonly filesystems: number;
  readonly snapshots: number;
}

/** `root` is listed, too. Both sides of a replication have the same guids. */
export function writeListing(file: string, root: string, { filesystems, snapshots }: ListingSize): void {
  const fd = openSync(file, "w");
  writeSync(fd, line({ name: root, type: "filesystem", guid: "1" }));
  for (let f = 0; f < filesystems; f++) {
    const filesystem = `${root}/fs${f}`;
    let text = line({ name: filesystem, type: "filesystem", guid: guid(f, snapshots + 1, snapshots) });
    for (let s = 0; s < snapshots; s++)
      text += line({
        name: `${filesystem}@zrepl_20260101_${String(s).padStart(6, "0")}_000`,
        type: "snapshot",
        guid: guid(f, s, snapshots),
        createtxg: String(1000 + s),
        creation: String(1_767_225_600 + s * 900),
        userrefs: "0",
      });
    writeSync(fd, text);
  }
  closeSync(fd);
}

/** As long as real ones, and none twice. */
function guid(filesystem: number, snapshot: number, snapshots: number): string {
  return String(10_000_000_000_000_000_000n + BigInt(filesystem * (snapshots + 2) + snapshot));
}

const DEFAULTS: Readonly<Record<string, string>> = { createtxg: "5", creation: "1767225600", encryption: "off" };

function line(values: Readonly<Record<string, string>>): string {
  return `${LISTING_COLUMNS.map((column) => values[column] ?? DEFAULTS[column] ?? "-").join("\t")}\n`;
}
