import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cursorName,
  jobNameProblem,
  lastReceivedHoldJob,
  lastReceivedHoldTag,
  parseCursor,
  stepHoldJob,
  stepHoldTag,
  tentativeCursorName,
} from "../../src/zfs/abstraction.ts";
import type { FilesystemVersion } from "../../src/zfs/version.ts";

function bookmark(name: string, guid: string): FilesystemVersion {
  return { kind: "bookmark", name, guid, createtxg: 1n, creationSec: 1, userrefs: 0 };
}

const GUID = BigInt("0x932f3a7089080ce2").toString();

describe("names are exactly zrepl's", () => {
  test.each`
    made                                         | name
    ${cursorName("prod", "3735928559")}          | ${"zrepl_CURSOR_G_00000000deadbeef_J_prod"}
    ${cursorName("a b", "18446744073709551615")} | ${"zrepl_CURSOR_G_ffffffffffffffff_J_a b"}
    ${tentativeCursorName("prod", "3735928559")} | ${"zrepl_CURSORTENTATIVE__G_00000000deadbeef_J_prod"}
    ${stepHoldTag("a b")}                        | ${"zrepl_STEP_J_a b"}
    ${lastReceivedHoldTag("a b")}                | ${"zrepl_last_received_J_a b"}
  `("$name", ({ made, name }) => {
    expect(made).toBe(name);
  });
});

describe("a bookmark is recognised", () => {
  test.each`
    name                                                             | found
    ${"zrepl_CURSOR_G_932f3a7089080ce2_J_push with legitimate name"} | ${{ kind: "cursor", job: "push with legitimate name" }}
    ${"zrepl_CURSORTENTATIVE__G_932f3a7089080ce2_J_p"}               | ${{ kind: "tentative", job: "p" }}
    ${"zrepl_CURSOR_G_932f3a7089_J_push with legitimate name"}       | ${undefined}
    ${"zrepl_CURSOR_G_932f3a7089080ce2_J_push with il\\tlegitimate"} | ${undefined}
    ${"otherprefix_G_932f3a7089080ce2_J_push with legitimate name"}  | ${undefined}
    ${"zrepl_CURSORTENTATIVE_G_932f3a7089080ce2_J_p"}                | ${undefined}
    ${"zrepl_CURSOR_G_932F3A7089080CE2_J_p"}                         | ${undefined}
    ${"zrepl_CURSOR_G_932f3a7089080ce2_J_"}                          | ${undefined}
    ${"zrepl_CURSOR_G_932f3a7089080ce3_J_p"}                         | ${undefined}
    ${"zrepl_CURSOR_G_0000000000000001_J_x_G_932f3a7089080ce2_J_p"}  | ${undefined}
    ${"zrepl_STEP_G_932f3a7089080ce2_J_p"}                           | ${undefined}
    ${"zrepl_replication_cursor"}                                    | ${undefined}
  `("by its name and guid: $name", ({ name, found }) => {
    expect(parseCursor(bookmark(name, GUID))).toEqual(found);
  });

  test("only if it is a bookmark", () => {
    const snapshot = { ...bookmark(cursorName("p", GUID), GUID), kind: "snapshot" as const };
    expect(parseCursor(snapshot)).toBeUndefined();
  });

  test("whatever its job and guid are", () => {
    const job = fc.string({ unit: fc.constantFrom(..."abzAZ09-_.: "), minLength: 1, maxLength: 100 });
    const valid = job.filter((name) => jobNameProblem(name) === undefined);
    fc.assert(
      fc.property(valid, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (name, guid) => {
        // a job named …_G_…_J_… would be read back as another; zrepl's regex has the same greed
        fc.pre(!/_G_[0-9a-f]{16}_J_/.test(name));
        const text = guid.toString();
        expect(parseCursor(bookmark(cursorName(name, text), text))).toEqual({ kind: "cursor", job: name });
        expect(parseCursor(bookmark(tentativeCursorName(name, text), text))).toEqual({ kind: "tentative", job: name });
        expect(stepHoldJob(stepHoldTag(name))).toBe(name);
        expect(lastReceivedHoldJob(lastReceivedHoldTag(name))).toBe(name);
      }),
    );
  });
});

test.each`
  tag                            | step         | received
  ${"zrepl_STEP_J_a b"}          | ${"a b"}     | ${undefined}
  ${"zrepl_last_received_J_a b"} | ${undefined} | ${"a b"}
  ${"zrepl_STEP_J_"}             | ${undefined} | ${undefined}
  ${"zrepl_STEP_J_a/b"}          | ${undefined} | ${undefined}
  ${"xzrepl_STEP_J_a"}           | ${undefined} | ${undefined}
  ${".send-1-2"}                 | ${undefined} | ${undefined}
`("the hold $tag is of step job $step, of receiving job $received", ({ tag, step, received }) => {
  expect([stepHoldJob(tag), lastReceivedHoldJob(tag)]).toEqual([step, received]);
});

test.each`
  job                         | ok
  ${"validjobname"}           | ${true}
  ${"valid with spaces"}      | ${true}
  ${"a"}                      | ${true}
  ${""}                       | ${false}
  ${"tab\tin it"}             | ${false}
  ${"hash#"}                  | ${false}
  ${"at@"}                    | ${false}
  ${"slash/"}                 | ${false}
  ${"/"}                      | ${false}
  ${"withnewline\\nmiddle"}   | ${false}
  ${"a".repeat(255 - 7 - 46)} | ${true}
  ${"a".repeat(255 - 7 - 44)} | ${false}
`("a job may be named $job: $ok", ({ job, ok }) => {
  expect(jobNameProblem(job) === undefined).toBe(ok);
});
