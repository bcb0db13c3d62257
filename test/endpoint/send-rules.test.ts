import { describe, expect, test } from "vitest";
import type { StepRequest } from "../../src/endpoint/endpoint.ts";
import { encryptionRefusal, resumeTokenProblem, versionProblem } from "../../src/endpoint/send-rules.ts";
import type { ResumeToken } from "../../src/zfs/resume-token.ts";
import { state } from "../replicate/states.ts";
import { versions } from "../versions.ts";

describe("the encryption policy (§4.7)", () => {
  const [notEncrypted, rawPlain] = [/^encrypted send mandated by policy/, /^policy mandates raw\+unencrypted sends/];
  test.each`
    filesystem | encrypted | raw      | refused
    ${false}   | ${false}  | ${false} | ${undefined}
    ${false}   | ${false}  | ${true}  | ${undefined}
    ${false}   | ${true}   | ${false} | ${notEncrypted}
    ${false}   | ${true}   | ${true}  | ${notEncrypted}
    ${true}    | ${false}  | ${false} | ${undefined}
    ${true}    | ${false}  | ${true}  | ${rawPlain}
    ${true}    | ${true}   | ${false} | ${undefined}
    ${true}    | ${true}   | ${true}  | ${undefined}
  `("filesystem encrypted $filesystem, send.encrypted $encrypted, raw $raw: $refused", (row) => {
    const refusal = encryptionRefusal(
      { name: "a b", encrypted: row.filesystem },
      { encrypted: row.encrypted, raw: row.raw },
    );
    if (row.refused === undefined) expect(refusal).toBeUndefined();
    else {
      expect(refusal).toMatch(row.refused);
      expect(refusal).toContain('"a b"');
    }
  });
});

function request(history: string, more: Partial<StepRequest> = {}): StepRequest {
  const [from, to] = versions(history);
  if (from === undefined) throw new Error("a version");
  return {
    ...{ filesystem: "t", type: "filesystem", resumeToken: undefined, via: [], guarantee: "guarantee_resumability" },
    ...(to === undefined ? { from: undefined, to: from } : { from, to }),
    ...more,
  };
}

describe("the versions of a request", () => {
  const listed = state("t", "#m,1 @a,2 @b,3");
  test.each`
    what                                    | history        | problem
    ${"a full send"}                        | ${"@b,3"}      | ${undefined}
    ${"an increment"}                       | ${"@a,2 @b,3"} | ${undefined}
    ${"from a bookmark"}                    | ${"#m,1 @b,3"} | ${undefined}
    ${"to a bookmark"}                      | ${"@a,2 #m,1"} | ${/only snapshots can be sent, not #m/}
    ${"to one that is gone"}                | ${"@a,2 @z,9"} | ${/t@z with guid 9 does not exist/}
    ${"from one that is gone"}              | ${"@z,9 @b,3"} | ${/t@z with guid 9 does not exist/}
    ${"to one whose name is used again"}    | ${"@b,77"}     | ${/t@b with guid 77 does not exist/}
    ${"from a snapshot that is a bookmark"} | ${"@m,1 @b,3"} | ${/t@m with guid 1 does not exist/}
  `("$what: $problem", ({ history, problem }) => {
    const found = versionProblem(listed, request(history));
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });
});

describe("a resume token must be the one of the request (§4.6)", () => {
  const token = (more: Partial<ResumeToken> = {}): ResumeToken => ({
    ...{ toGuid: "2", fromGuid: "1", toName: "t@b", bytes: 0, raw: false },
    ...more,
  });
  const [increment, full] = ["@a,1 @b,2", "@b,2"];

  test.each`
    what                        | found                             | history      | problem
    ${"the increment's"}        | ${token()}                        | ${increment} | ${undefined}
    ${"the full send's"}        | ${token({ fromGuid: undefined })} | ${full}      | ${undefined}
    ${"a renamed snapshot's"}   | ${token({ toName: "t@old" })}     | ${increment} | ${undefined}
    ${"corrupt"}                | ${undefined}                      | ${increment} | ${"resume token is corrupt"}
    ${"another filesystem's"}   | ${token({ toName: "t/x@b" })}     | ${increment} | ${'filesystem in resume token field `toname` = "t/x" does not match expected value "t"'}
    ${"incremental for a full"} | ${token()}                        | ${full}      | ${"resume token not expected to be incremental, but `fromguid` = 1"}
    ${"full for an increment"}  | ${token({ fromGuid: undefined })} | ${increment} | ${"resume token expected to be incremental, but `fromguid` not present"}
    ${"from another snapshot"}  | ${token({ fromGuid: "9" })}       | ${increment} | ${"resume token `fromguid` != expected: 9 != 1"}
    ${"to another snapshot"}    | ${token({ toGuid: "9" })}         | ${increment} | ${"resume token `toguid` != expected: 9 != 2"}
  `("$what: $problem", ({ found, history, problem }) => {
    expect(resumeTokenProblem(found, request(history), false, { encrypted: false })).toBe(problem);
  });

  test.each`
    filesystem | encrypted | raw      | problem
    ${true}    | ${true}   | ${true}  | ${undefined}
    ${true}    | ${true}   | ${false} | ${/^resume token does not have rawok=true/}
    ${true}    | ${false}  | ${true}  | ${/^resume token has rawok=true/}
    ${true}    | ${false}  | ${false} | ${undefined}
    ${false}   | ${false}  | ${true}  | ${undefined}
    ${false}   | ${false}  | ${false} | ${undefined}
  `("filesystem encrypted $filesystem, send.encrypted $encrypted, token raw $raw: $problem", (row) => {
    const found = resumeTokenProblem(token({ raw: row.raw }), request(increment), row.filesystem, {
      encrypted: row.encrypted,
    });
    if (row.problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(row.problem);
  });
});
