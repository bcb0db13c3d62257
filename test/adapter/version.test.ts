import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions, type FilesystemVersion, relativeName } from "../../src/zfs/version.ts";
import { versions } from "../versions.ts";

test("versions are ordered by createtxg, on a tie bookmarks first, then by name; the clock does not matter", () => {
  const sorted = versions("@c,3,1 @b,2,9 #x,2,9 #b,2,9 @a,18446744073709551615,0 @z,1,99").sort(compareVersions);
  expect(sorted.map(relativeName)).toEqual(["@z", "#b", "#x", "@b", "@c", "@a"]);
});

test("the order is total: it does not depend on the input's", () => {
  const version: fc.Arbitrary<FilesystemVersion> = fc.record({
    kind: fc.constantFrom("snapshot" as const, "bookmark" as const),
    name: fc.constantFrom("a", "b", "c"),
    guid: fc.constant("1"),
    createtxg: fc.bigInt({ min: 0n, max: 2n }),
    creationSec: fc.constant(0),
    userrefs: fc.constant(0),
  });
  fc.assert(
    fc.property(fc.array(version), (list) => {
      const names = (some: FilesystemVersion[]) =>
        some.sort(compareVersions).map((v) => `${v.createtxg}${relativeName(v)}`);
      expect(names([...list].reverse())).toEqual(names([...list]));
    }),
  );
});
