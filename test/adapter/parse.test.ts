import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/zfs/errors.ts";
import { ListingParser } from "../../src/zfs/listing-parser.ts";
import { parseHolds, parseProperties, parseSendEstimate, parseSendProgress } from "../../src/zfs/parse.ts";
import { fixture } from "./fixture.ts";

function parseListing(text: string, pieceBytes = Number.POSITIVE_INFINITY) {
  const parser = new ListingParser();
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += pieceBytes) parser.push(bytes.subarray(i, i + pieceBytes));
  return parser.end();
}

/** The same with the versions, which records have only for those who ask. */
function contents(filesystems: ReturnType<ListingParser["end"]>) {
  return [...filesystems.values()].map((record) => ({ ...record, versions: record.versions }));
}

describe("the listing", () => {
  test("has filesystems and volumes with their versions, names with blanks included", () => {
    const filesystems = parseListing(fixture("list-sender"));
    const shown = [...filesystems].map(([name, { type, encrypted, placeholderValue, versions }]) => ({
      ...{ name, type, encrypted, placeholderValue },
      versions: versions.map((v) => `${v.kind === "snapshot" ? "@" : "#"}${v.name} ${v.userrefs}`),
    }));
    const plain = { type: "filesystem", encrypted: false, placeholderValue: undefined };
    expect(shown).toEqual([
      { ...plain, name: "src", versions: ["@s1 0"] },
      { ...plain, name: "src/secret", encrypted: true, versions: ["@s1 0", "@s2 0"] },
      { ...plain, name: "src/vol", type: "volume", versions: ["@s1 0"] },
      { ...plain, name: "src/with space", placeholderValue: "on", versions: ["#b 1 0", "@s1 2", "@s2 0"] },
      { ...plain, name: "src/with space/kid", placeholderValue: "on", versions: ["@s1 0", "@ leading blank 0"] },
    ]);
  });

  test("keeps guids and createtxg to the last digit", () => {
    const versions = parseListing(fixture("list-sender")).get("src/with space")?.versions;
    expect(versions?.find(({ name }) => name === "s1")).toEqual({
      ...{ kind: "snapshot", name: "s1", guid: "1096438791691510810", createtxg: 14n },
      ...{ creationSec: 1795271562, userrefs: 2 },
    });
    expect(parseListing(fixture("list-sender")).get("src/secret")?.guid).toBe("17200610158537125097");
  });

  test("knows which snapshots are held, and sorts versions that come in another order", () => {
    const held = [...parseListing(fixture("list-sender"))].map(([name, { heldSnapshots }]) => [name, heldSnapshots]);
    expect(Object.fromEntries(held)).toMatchObject({ src: [], "src/with space": ["s1"] });
    const rest = "\t5\t-\toff\t-\t0";
    const text = `p\tfilesystem\t1\t2\t-\toff\t-\t-\t3\np@b\tsnapshot\t7${rest}\t90\np@a\tsnapshot\t8${rest}\t10\n`;
    const [record] = parseListing(text).values();
    expect(record?.versions.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("of a version that zfs printed wrongly is refused by whoever looks at it", () => {
    const [record] = parseListing(
      "p\tfilesystem\t1\t2\t-\toff\t-\t-\t3\np@b\tsnapshot\t7\t5\t-\toff\t-\t0\tx\n",
    ).values();
    expect(() => record?.versions).toThrow(ParseError);
  });

  test("has the resume tokens of interrupted receives", () => {
    const filesystems = parseListing(fixture("list-receiver"));
    const tokens = [...filesystems].map(([name, { resumeToken }]) => [name, resumeToken?.slice(0, 2)]);
    expect(tokens).toEqual([
      ["dst", undefined],
      ["dst/full", "1-"],
      ["dst/inc", "1-"],
      ["dst/raw", "1-"],
      ["dst/rawfull", "1-"],
    ]);
  });

  test.each([1, 2, 7, 100])("is the same when it comes in pieces of %i bytes", (pieceBytes) => {
    for (const name of ["list-sender", "list-receiver"])
      expect(contents(parseListing(fixture(name), pieceBytes))).toEqual(contents(parseListing(fixture(name))));
  });

  test("can be cut inside a character of more than one byte", () => {
    const line = "p/é\tfilesystem\t1\t2\t-\toff\t-\t-\t3\n";
    expect([...parseListing(line, 1).keys()]).toEqual(["p/é"]);
  });

  test("is empty for no output", () => {
    expect(parseListing("").size).toBe(0);
  });

  test.each`
    what                                  | text
    ${"an unfinished line"}               | ${"p\tfilesystem\t1\t2\t-\toff\t-\t-\t3"}
    ${"a missing column"}                 | ${"p\tfilesystem\t1\t2\t-\toff\t-\t3\n"}
    ${"a column too many"}                | ${"p\tfilesystem\t1\t2\t-\toff\t-\t-\t3\t-\n"}
    ${"a guid that is no number"}         | ${"p\tfilesystem\t-\t2\t-\toff\t-\t-\t3\n"}
    ${"a name that is empty"}             | ${"\tfilesystem\t1\t2\t-\toff\t-\t-\t3\n"}
    ${"an unknown type"}                  | ${"p\tpool\t1\t2\t-\toff\t-\t-\t3\n"}
    ${"a snapshot before its filesystem"} | ${"p@a\tsnapshot\t1\t2\t-\toff\t-\t0\t3\n"}
    ${"text that is no listing"}          | ${"internal error: out of memory\n"}
  `("refuses $what", ({ text }) => {
    expect(() => parseListing(text)).toThrow(ParseError);
  });
});

test("holds are read with blanks in names and tags", () => {
  expect(parseHolds(fixture("holds"))).toEqual([
    { snapshot: "src/with space@s1", tag: "tag one" },
    { snapshot: "src/with space@s1", tag: "tag two" },
  ]);
  expect(parseHolds("")).toEqual([]);
  expect(() => parseHolds("no tabs here\n")).toThrow(ParseError);
});

test("properties are read with their sources; values may be empty, or contain tabs", () => {
  const records = parseProperties(fixture("get"));
  const of = (dataset: string, property: string) =>
    records.find((record) => record.dataset === dataset && record.property === property);
  expect(records).toHaveLength(20);
  expect(of("src/vol", "user:empty")).toMatchObject({ value: "", source: "local" });
  expect(of("src/vol", "user:tab")).toMatchObject({ value: "a\tb", source: "local" });
  expect(of("src/with space", "zrepl:placeholder")).toMatchObject({ value: "on", source: "local" });
  const inherited = { value: "on", source: "inherited from src/with space" };
  expect(of("src/with space/kid", "zrepl:placeholder")).toMatchObject(inherited);
  expect(of("src", "encryption")).toMatchObject({ value: "off", source: "default" });
  expect(of("src", "zrepl:placeholder")).toMatchObject({ value: "-", source: "-" });
  expect(() => parseProperties("src\tx\ty\n")).toThrow(ParseError);
});

describe("the size that zfs send -nvP tells", () => {
  test.each`
    of                               | bytes
    ${"send-estimate-full"}          | ${3033848}
    ${"send-estimate-incremental"}   | ${2109936}
    ${"send-estimate-bookmark"}      | ${2109936}
    ${"send-estimate-intermediates"} | ${2110560}
    ${"send-estimate-nothing"}       | ${624}
    ${"send-progress"}               | ${5135992}
    ${"token-full"}                  | ${1584440}
    ${"token-inc"}                   | ${924144}
    ${"token-corrupt"}               | ${undefined}
  `("is $bytes for $of", ({ of, bytes }) => {
    expect(parseSendEstimate(fixture(of))).toBe(bytes);
  });

  const preamble =
    "resume token contents:\nnvlist version: 0\n\tobject = 0x2\n\toffset = 0x4c0000\n\tbytes = 0x4e4228\n\ttoguid = 0x52f9c212c71e60cd\n\ttoname = zroot/test/a@1\n";
  test.each`
    output                                                                                 | bytes
    ${`${preamble}full\tzroot/test/a@1\t5389768\n`}                                        | ${5389768}
    ${`${preamble}incremental\tzroot/test/a@1\tzroot/test/a@2\t5383936\n`}                 | ${5383936}
    ${`${preamble}incremental\tzroot/test/a#1\tzroot/test/a@2\t5383312\n`}                 | ${5383312}
    ${"incremental\t1\tzroot/test/a@2\t10511856\nsize\t10511856\n"}                        | ${10511856}
    ${"full\tzroot/test/a@3\t10518512\n"}                                                  | ${10518512}
    ${"full\tpool1/otherjob/another ds with spaces/childfs@blaffoo\t12912\nsize\t12912\n"} | ${12912}
    ${"incremental\tp1 with/ spaces d1@1 with space\tp1 with/ spaces d1@2 with space\n"}   | ${undefined}
    ${"full\tp1 with/ spaces d1@2 with space\n"}                                           | ${undefined}
    ${"full\ttank@a\t9223372036854775807\nsize\t9223372036854775807\n"}                    | ${undefined}
    ${"full\ttank@a\t18446744073709551615\n"}                                              | ${undefined}
    ${"size\t0\n"}                                                                         | ${0}
    ${""}                                                                                  | ${undefined}
  `("is $bytes for $output (zrepl's table)", ({ output, bytes }) => {
    expect(parseSendEstimate(output)).toBe(bytes);
  });
});

test("progress lines tell the bytes of a snapshot, other lines nothing", () => {
  const progress = fixture("send-progress").split("\n").map(parseSendProgress);
  expect(progress.filter((line) => line !== undefined)).toEqual([
    { bytes: 135880, snapshot: "src/with space@s2" },
    { bytes: 135880, snapshot: "src/with space@s2" },
  ]);
});
