import { describe, expect, test } from "vitest";
import { GrammarError } from "../../../src/config/grammar/grammar-error.ts";
import { parseBandwidth, parseBucketSize, parseSizeBits } from "../../../src/config/grammar/size.ts";

describe("sizes in bits", () => {
  test.each([
    ["23 bit", 23],
    ["23bit", 23],
    ["10MiB", 10 * 2 ** 20 * 8],
    ["10 MiB", 10 * 2 ** 20 * 8],
    ["10.5 Kib", 10.5 * 1024],
    ["10.5 KiB", 10.5 * 1024 * 8],
    ["1 bit", 1],
    ["1 B", 8],
    ["1 b", 1],
    ["1 Kb", 1e3],
    ["1 Kib", 1024],
    ["1 Mb", 1e6],
    ["1 Mib", 2 ** 20],
    ["1 Gb", 1e9],
    ["1 Gib", 2 ** 30],
    ["1 Tb", 1e12],
    ["1 Tib", 2 ** 40],
    ["-1 B", -8],
    [".5B", 4],
    ["1.B", 8],
  ])("%j is %d", (text, bits) => {
    expect(parseSizeBits(text)).toBe(bits);
  });

  test.each([
    "",
    "10",
    "10 MB/s",
    "B",
    "1.5 bit",
    "1 kB",
    "1 KIB",
    "--1 B",
    "1.2.3 B",
    "1-B",
    "1e3 B",
    " 1 B",
    "1 B ",
    "1 Bit",
    ". B",
  ])("%j is none", (text) => {
    expect(() => parseSizeBits(text)).toThrow(GrammarError);
  });
});

test("a bandwidth is floored to whole bytes", () => {
  expect(parseBandwidth("12 bit")).toBe(1);
  expect(parseBandwidth("23.5 MiB")).toBe(23.5 * 2 ** 20);
});

test("a negative bandwidth is unlimited", () => {
  expect(parseBandwidth("-1 B")).toBeUndefined();
});

test.each(["7 bit", "0 B"])("a bandwidth of %s is refused: nothing would ever arrive", (text) => {
  expect(() => parseBandwidth(text)).toThrow(GrammarError);
});

test.each(["0 B", "7 bit", "-1 B"])("a bucket of %s is refused", (text) => {
  expect(() => parseBucketSize(text)).toThrow(GrammarError);
});
