import fc from "fast-check";
import { expect, test } from "vitest";
import { newestSnapshot } from "../../src/zfs/history.ts";
import { compareVersions, type FilesystemVersion } from "../../src/zfs/version.ts";
import { filesystemLine, history, parseListing, versionLine } from "../listings.ts";

/** Lines of two filesystems may alternate. */
const listing = fc.record({
  one: history,
  other: history,
  /** Of which filesystem the next line is, as long as both have more. */
  turns: fc.array(fc.boolean()),
  pieceBytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(1_000_000)),
  names: fc.constantFrom(["p", "p/a"], ["p/fs1", "p/fs2"], ["tank/data/fs1", "tank/data/fs10"], ["p/a b", "p/é"]),
  placeholder: fc.constantFrom("-", "-", "on", "a\tb", "x\tsnapshot\t7\t1\t-\toff\t-\t0\t99"),
});

function print({ one, other, turns, names, placeholder }: typeof listing extends fc.Arbitrary<infer T> ? T : never) {
  const lines = names.map((name) => filesystemLine(name));
  const [mine = [], others = []] = [one, other].map((versions, i) =>
    versions.map((version) => versionLine(names[i] ?? "", version, placeholder)),
  );
  for (const turn of turns) lines.push(...(turn ? mine : others).splice(0, 1));
  return [...lines, ...mine, ...others].join("");
}

const withoutUserrefs = (version: FilesystemVersion) =>
  version.kind === "bookmark" ? { ...version, userrefs: 0 } : version;

test("a listing shows all versions in their order, the held ones, and the newest, whatever order its lines have", () => {
  fc.assert(
    fc.property(listing, (printed) => {
      const records = parseListing(print(printed), printed.pieceBytes);
      for (const [i, lines] of [printed.one, printed.other].entries()) {
        const record = records.get(printed.names[i] ?? "");
        if (record === undefined) throw new Error("not listed");
        const sorted = lines.map(withoutUserrefs).sort(compareVersions);
        for (const count of [1, 2, 3, 8, 64])
          expect(record.history.newest(count), `the newest ${count}`).toEqual(sorted.slice(-count));
        expect(newestSnapshot(record)).toEqual(sorted.findLast(({ kind }) => kind === "snapshot"));
        expect(record.history.bookmarks).toEqual(sorted.filter(({ kind }) => kind === "bookmark"));
        expect(record.versions).toEqual(sorted);
        const held = lines.filter(({ kind, userrefs }) => kind === "snapshot" && userrefs > 0);
        expect(record.heldSnapshots).toEqual(held.map(({ name }) => name));
      }
    }),
    { numRuns: 1000 },
  );
});

test("the newest of many versions are found without decoding the others", () => {
  const versions = Array.from({ length: 5000 }, (_, i): FilesystemVersion => {
    const name = `zrepl_${i}`;
    return { kind: "snapshot", name, guid: String(i + 1), createtxg: BigInt(i + 1), creationSec: i, userrefs: 0 };
  });
  const lines = versions.map((version) => versionLine("p", version));
  lines[7] = lines[7]?.replace("\tsnapshot\t8\t", "\tsnapshot\tbroken\t") ?? "";
  const record = parseListing(filesystemLine("p") + lines.join(""), 4096).get("p");
  expect(record?.history.newest(3)).toEqual(versions.slice(-3));
  expect(() => record?.versions).toThrow("broken");
});
