import type { FilesystemVersion } from "../src/zfs/version.ts";

/**
 * Text notation for histories: `"@a,1 #b,2"` is snapshot a and bookmark b with guid = createtxg = 1 and 2; an optional
 * third number is the creation time in seconds, an optional `!` at the end means held once: `"@a,1,3600!"`.
 */
export function versions(text: string): FilesystemVersion[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map((word) => {
      const match = /^([@#])([^,]+),(\d+)(?:,(-?\d+))?(!?)$/.exec(word);
      if (match === null) throw new Error(`bad version ${word}`);
      const [, sigil, name = "", guid = "0", creation, held] = match;
      return {
        kind: sigil === "@" ? "snapshot" : "bookmark",
        name,
        guid,
        createtxg: BigInt(guid),
        creationSec: Number(creation ?? guid),
        userrefs: held === "!" ? 1 : 0,
      };
    });
}
