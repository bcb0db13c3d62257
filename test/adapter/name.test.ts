import { expect, test } from "vitest";
import {
  ancestorsOf,
  bookmarkNameProblem,
  filesystemNameProblem,
  isBelow,
  poolOf,
  snapshotNameProblem,
} from "../../src/zfs/name.ts";

const check = { F: filesystemNameProblem, S: snapshotNameProblem, B: bookmarkNameProblem };
type Kind = keyof typeof check;
const a = (n: number) => "a".repeat(n);

test.each<[Kind, string]>([
  ["F", "/"],
  ["F", "/foo"],
  ["S", "/foo@bar"],
  ["B", "foo"],
  ["S", "foo"],
  ["B", "foo@bar"],
  ["S", "foo#bar"],
  ["B", "foo#book@bar"],
  ["F", "foo/for%idden"],
  ["F", "foo/bår"],
  ["F", ""],
  ["S", "foo/bar@"],
  ["B", "foo/bar#"],
  ["B", "foo/bar#@blah"],
  ["S", "foo bar/baz bar@#lah foo"],
  ["S", "foo bar/baz bar@@lah foo"],
  ["B", "foo bar/baz bar##lah foo"],
  ["S", "foo bar/baz@blah/foo"],
  ["F", "foo bar/baz@blah/foo"],
  ["F", "foo\tbar"],
  ["S", "foo@b\tar"],
  ["F", "foo/./bar"],
  ["F", "foo/../bar"],
  ["S", "foo/bar@.."],
  ["S", "foo/bar@."],
  ["F", a(256)],
  ["S", `${a(255)}/a@b`],
  ["S", "foo/bar@23+42"],
  ["F", "foo//bar"],
  ["F", "foo/"],
  ["F", "foo/bar\n"],
  ["S", "foo@a,b"],
  ["S", "foo@a%b"],
])("%s can't be named %j (zrepl's table)", (kind, name) => {
  expect(check[kind](name)).toEqual(expect.any(String));
});

test.each<[Kind, string]>([
  ["B", "foo#book"],
  ["S", "foo/book@bar"],
  ["B", "foo/book#bar"],
  ["S", "foo bar/baz bar@blah foo"],
  ["F", a(255)],
  ["F", `${a(253)}/a`],
  ["S", `${a(251)}/a@b`],
  ["S", "tank@zrepl_20261121_130000_000"],
  ["F", "-leading-dash"],
  ["S", "tank@ leading blank"],
])("%s can be named %j (zrepl's table)", (kind, name) => {
  expect(check[kind](name)).toBeUndefined();
});

test.each`
  name           | pool
  ${"p"}         | ${"p"}
  ${"p/a/b"}     | ${"p"}
  ${"p@a"}       | ${"p"}
  ${"p#a"}       | ${"p"}
  ${"p p/a@b/c"} | ${"p p"}
`("the pool of $name is $pool", ({ name, pool }) => {
  expect(poolOf(name)).toBe(pool);
});

test("ancestors come with the pool first, and nothing is its own", () => {
  expect(ancestorsOf("a/b b/c")).toEqual(["a", "a/b b"]);
  expect(ancestorsOf("a")).toEqual([]);
});

test.each`
  filesystem | root     | below
  ${"a/b"}   | ${"a"}   | ${true}
  ${"a"}     | ${"a"}   | ${false}
  ${"ab"}    | ${"a"}   | ${false}
  ${"a/b/c"} | ${"a"}   | ${true}
  ${"a"}     | ${"a/b"} | ${false}
`("$filesystem is below $root: $below", ({ filesystem, root, below }) => {
  expect(isBelow(filesystem, root)).toBe(below);
});
