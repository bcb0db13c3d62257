import { expect, test } from "vitest";
import { ParseError } from "../../src/zfs/errors.ts";
import { parseResumeToken } from "../../src/zfs/resume-token.ts";
import { fixture } from "./fixture.ts";

const S1 = BigInt("0xf37554598bb241a").toString();
const S2 = BigInt("0x50f5524c3242cd30").toString();
const SECRET1 = BigInt("0x7fa62dac1b103b08").toString();
const SECRET2 = BigInt("0x224be19eadb03d6d").toString();

test.each`
  recorded                 | token
  ${"token-full"}          | ${{ toGuid: S1, fromGuid: undefined, toName: "src/with space@s1", bytes: 0x161dc0, remainingBytes: 1_584_440, raw: false }}
  ${"token-inc"}           | ${{ toGuid: S2, fromGuid: S1, toName: "src/with space@s2", bytes: 0x121800, remainingBytes: 924_144, raw: false }}
  ${"token-raw"}           | ${{ toGuid: SECRET2, fromGuid: SECRET1, toName: "src/secret@s2", bytes: 0x121b3c, remainingBytes: 960_180, raw: true }}
  ${"token-rawfull"}       | ${{ toGuid: SECRET2, fromGuid: undefined, toName: "src/secret@s2", bytes: 0x121e74, remainingBytes: 1_229_036, raw: true }}
  ${"token-snapshot-gone"} | ${{ toGuid: SECRET2, fromGuid: undefined, toName: "src/secret@s2", bytes: 0x121e74, raw: true }}
  ${"token-corrupt"}       | ${undefined}
`("$recorded is $token", ({ recorded, token }) => {
  expect(parseResumeToken(fixture(recorded))).toEqual(token);
});

const contents = (fields: string) => `resume token contents:\nnvlist version: 0\n${fields}`;

test.each`
  what                 | output                                                                                                  | raw
  ${"OpenZFS 0.8 raw"} | ${contents("\ttoguid = 0x94a20a5f25877859\n\ttoname = p/src@a\n\tcompressok = true\n\trawok = true\n")} | ${true}
  ${"raw says false"}  | ${contents("\ttoguid = 0x94a20a5f25877859\n\ttoname = p/src@a\n\trawok = 0\n")}                         | ${false}
  ${"a decimal guid"}  | ${contents("\ttoguid = 10710134267608266841\n\ttoname = p/src@a\n")}                                    | ${false}
`("$what", ({ output, raw }) => {
  expect(parseResumeToken(output)).toMatchObject({ toGuid: "10710134267608266841", toName: "p/src@a", raw });
});

test.each`
  what                   | output
  ${"no guid"}           | ${contents("\ttoname = p@a\n")}
  ${"no name"}           | ${contents("\ttoguid = 0x1\n")}
  ${"another program's"} | ${"zfs: command not found\n"}
  ${"nothing at all"}    | ${""}
  ${"a usage message"}   | ${"usage:\n\tsend [-DnPpRVvLecwhb] <snapshot>\n"}
`("output with $what is an error, not a dead token", ({ output }) => {
  expect(() => parseResumeToken(output)).toThrow(ParseError);
});
