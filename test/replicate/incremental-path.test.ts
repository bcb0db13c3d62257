import { describe, expect, test } from "vitest";
import { incrementalPath } from "../../src/replicate/incremental-path.ts";
import { type FilesystemVersion, relativeName } from "../../src/zfs/version.ts";
import { versions } from "../versions.ts";

const names = (list: readonly FilesystemVersion[]) => list.map((v) => `${relativeName(v)},${v.guid}`).join(" ");

function pathOf(receiver: string, sender: string): string {
  const path = incrementalPath({ versions: versions(receiver) }, { versions: versions(sender) });
  switch (path.kind) {
    case "path":
      return names([path.base, ...path.snapshots]);
    case "upToDate":
      return `up to date at ${names([path.base])}`;
    case "noSenderSnapshots":
      return "no sender snapshots";
    case "noCommonAncestor":
      return `no common ancestor: sender ${names(path.sender)}; receiver ${names(path.receiver)}`;
    case "diverged":
      return `diverged at ${names([path.common])}: sender ${names(path.senderOnly)}; receiver ${names(path.receiverOnly)}`;
  }
}

describe("zrepl's truth table (§4.4)", () => {
  test.each`
    no       | receiver            | sender                   | path
    ${1}     | ${"@a,1 @b,2"}      | ${"@a,1 @b,2 @c,3 @d,4"} | ${"@b,2 @c,3 @d,4"}
    ${2}     | ${""}               | ${"@a,1"}                | ${"no common ancestor: sender @a,1; receiver "}
    ${3}     | ${"@a,1 @b,2"}      | ${"@c,3 @d,4"}           | ${"no common ancestor: sender @c,3 @d,4; receiver @a,1 @b,2"}
    ${4}     | ${"@a,1 @b1,2"}     | ${"@a,1 @b2,3"}          | ${"diverged at @a,1: sender @b2,3; receiver @b1,2"}
    ${5}     | ${"@a,1 @b,2 @c,3"} | ${"@a,1 @c,3 @d,4"}      | ${"@c,3 @d,4"}
    ${6}     | ${"@a,1 @b,2"}      | ${"@a,1 @b,2"}           | ${"up to date at @b,2"}
    ${7}     | ${"@c,3"}           | ${"@a,1 @b,2 @c,3"}      | ${"up to date at @c,3"}
    ${8}     | ${""}               | ${""}                    | ${"no sender snapshots"}
    ${9}     | ${"@a,1"}           | ${""}                    | ${"no sender snapshots"}
    ${10}    | ${"@a,1"}           | ${"#a,1 @b,2"}           | ${"#a,1 @b,2"}
    ${11}    | ${"@a,1"}           | ${"#a,1 #b,2 @c,3"}      | ${"#a,1 @c,3"}
    ${"12"}  | ${"@a,1"}           | ${"#a,1 @a,1 @b,2"}      | ${"@a,1 @b,2"}
    ${"12b"} | ${"@a,1"}           | ${"@a,1 #a,1 @b,2"}      | ${"@a,1 @b,2"}
    ${13}    | ${"@a,1 #b,2"}      | ${"@a,1 @c,3"}           | ${"@a,1 @c,3"}
    ${14}    | ${"#a,1"}           | ${"@a,1 @b,2"}           | ${"no common ancestor: sender @a,1 @b,2; receiver "}
  `("$no: receiver $receiver, sender $sender", ({ receiver, sender, path }) => {
    expect(pathOf(receiver, sender)).toBe(path);
  });
});

test.each`
  what                                                     | receiver            | sender                        | path
  ${"a renamed snapshot is known by its guid"}             | ${"@old,1"}         | ${"@new,1 @b,2"}              | ${"@new,1 @b,2"}
  ${"a name that is used again is another snapshot"}       | ${"@a,1"}           | ${"@a,2 @b,3"}                | ${"no common ancestor: sender @a,2 @b,3; receiver @a,1"}
  ${"a receiver that is ahead has diverged"}               | ${"@a,1 @b,2"}      | ${"@a,1"}                     | ${"diverged at @a,1: sender ; receiver @b,2"}
  ${"bookmarks of what comes after the base are no steps"} | ${"@a,1"}           | ${"@a,1 @b,2 #b,2 @c,3 #c,3"} | ${"@a,1 @b,2 @c,3"}
  ${"up to date by a bookmark, its snapshot being gone"}   | ${"@a,1 @b,2"}      | ${"@a,1 #b,2"}                | ${"up to date at #b,2"}
  ${"the newest common one counts, not the first"}         | ${"@a,1 @b,2 @c,3"} | ${"#a,1 #b,2 #c,3 @d,4"}      | ${"#c,3 @d,4"}
`("$what", ({ receiver, sender, path }) => {
  expect(pathOf(receiver, sender)).toBe(path);
});

test("createtxg is compared inside one side only", () => {
  const [a, b] = versions("@a,1 @b,2");
  if (a === undefined || b === undefined) throw new Error("two");
  // on the receiver they have other txgs
  const receiver = [{ ...a, createtxg: 900n }];
  expect(incrementalPath({ versions: receiver }, { versions: [a, b] })).toMatchObject({
    kind: "path",
    base: a,
    snapshots: [b],
  });
});

test("snapshots that are not chosen are left out, but can be the base", () => {
  const chosen = ({ name }: FilesystemVersion) => name !== "no";
  expect(
    incrementalPath({ versions: versions("@a,1") }, { versions: versions("@a,1 @no,2 @c,3") }, chosen),
  ).toMatchObject({
    ...{ kind: "path", base: { name: "a" }, snapshots: [{ name: "c" }] },
  });
  expect(incrementalPath({ versions: versions("@no,1") }, { versions: versions("@no,1 @c,3") }, chosen)).toMatchObject({
    ...{ kind: "path", base: { name: "no" }, snapshots: [{ name: "c" }] },
  });
  expect(incrementalPath({ versions: versions("@a,1") }, { versions: versions("@a,1 @no,2") }, chosen)).toMatchObject({
    kind: "upToDate",
  });
});
