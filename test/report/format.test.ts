import { expect, test } from "vitest";
import { count, formatBytes, formatDuration } from "../../src/report/format.ts";

test.each`
  bytes               | text
  ${0}                | ${"0 B"}
  ${624}              | ${"624 B"}
  ${1023}             | ${"1023 B"}
  ${1024}             | ${"1.0 KiB"}
  ${1536}             | ${"1.5 KiB"}
  ${100 * 1024}       | ${"100 KiB"}
  ${1024 ** 2}        | ${"1.0 MiB"}
  ${5.25 * 1024 ** 3} | ${"5.3 GiB"}
  ${3 * 1024 ** 4}    | ${"3.0 TiB"}
  ${2 ** 63}          | ${"8.0 EiB"}
`("$bytes bytes are $text", ({ bytes, text }) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each`
  sec          | text
  ${-1}        | ${"0s"}
  ${0.4}       | ${"0s"}
  ${42}        | ${"42s"}
  ${59.6}      | ${"1m00s"}
  ${190}       | ${"3m10s"}
  ${3600}      | ${"1h00m"}
  ${7500}      | ${"2h05m"}
  ${47 * 3600} | ${"47h00m"}
  ${50 * 3600} | ${"2d02h"}
`("$sec seconds are $text", ({ sec, text }) => {
  expect(formatDuration(sec)).toBe(text);
});

test("nouns agree with their number", () => {
  expect([0, 1, 2].map((n) => count(n, "snapshot"))).toEqual(["0 snapshots", "1 snapshot", "2 snapshots"]);
});
