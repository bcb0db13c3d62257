import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buildListArgv,
  buildRecvArgv,
  buildSendArgv,
  buildSendEstimateArgv,
  chunkArguments,
  type RecvRequest,
  type SendFlags,
} from "../../src/zfs/argv.ts";

const NO_FLAGS: SendFlags = {
  ...{ raw: false, properties: false, backup: false, largeBlocks: false },
  ...{ compressed: false, embedded: false, saved: false },
};

describe("zfs send", () => {
  test.each`
    flag             | letter
    ${"raw"}         | ${"-w"}
    ${"properties"}  | ${"-p"}
    ${"backup"}      | ${"-b"}
    ${"largeBlocks"} | ${"-L"}
    ${"compressed"}  | ${"-c"}
    ${"embedded"}    | ${"-e"}
    ${"saved"}       | ${"-S"}
  `("has $letter for $flag, and for nothing else", ({ flag, letter }) => {
    expect(buildSendArgv({ to: "p@a", flags: NO_FLAGS })).toEqual(["zfs", "send", "-v", "-P", "p@a"]);
    expect(buildSendArgv({ to: "p@a", flags: { ...NO_FLAGS, [flag]: true } })).toEqual([
      ...["zfs", "send", "-v", "-P", letter, "p@a"],
    ]);
  });

  test.each`
    what                    | target                                                                             | argv
    ${"from a snapshot"}    | ${{ from: "p/a b@1", to: "p/a b@2", flags: NO_FLAGS }}                             | ${["-i", "p/a b@1", "p/a b@2"]}
    ${"from a bookmark"}    | ${{ from: "p#1", to: "p@2", flags: NO_FLAGS }}                                     | ${["-i", "p#1", "p@2"]}
    ${"with intermediates"} | ${{ from: "p@1", to: "p@9", intermediates: true, flags: NO_FLAGS }}                | ${["-I", "p@1", "p@9"]}
    ${"a token only"}       | ${{ resumeToken: "1-abc" }}                                                        | ${["-t", "1-abc"]}
    ${"all flags"}          | ${{ to: "p@1", flags: { ...NO_FLAGS, raw: true, properties: true, saved: true } }} | ${["-w", "-p", "-S", "p@1"]}
  `("$what; a dry run asks for the same", ({ target, argv }) => {
    expect(buildSendArgv(target)).toEqual(["zfs", "send", "-v", "-P", ...argv]);
    expect(buildSendEstimateArgv(target)).toEqual(["zfs", "send", "-n", "-v", "-P", ...argv]);
  });
});

describe("zfs recv", () => {
  const request: RecvRequest = {
    ...{ target: "p/a b@1", force: false, resumable: false, inheritProperties: [], overrideProperties: {} },
  };
  test.each`
    change                                                                                        | flags
    ${{}}                                                                                         | ${[]}
    ${{ force: true }}                                                                            | ${["-F"]}
    ${{ resumable: true }}                                                                        | ${["-s"]}
    ${{ overrideProperties: { abc: "123" } }}                                                     | ${["-o", "abc=123"]}
    ${{ overrideProperties: { "user:x": "a b=c" } }}                                              | ${["-o", "user:x=a b=c"]}
    ${{ inheritProperties: ["abc", "123"] }}                                                      | ${["-x", "abc", "-x", "123"]}
    ${{ force: true, resumable: true, inheritProperties: ["m"], overrideProperties: { a: "b" } }} | ${["-F", "-s", "-x", "m", "-o", "a=b"]}
  `("has $flags for $change, and never mounts", ({ change, flags }) => {
    expect(buildRecvArgv({ ...request, ...change })).toEqual(["zfs", "recv", "-u", ...flags, "p/a b@1"]);
  });
});

test("zfs list asks for everything in one process, and no name can pass for an option", () => {
  const types = ["-t", "filesystem,volume,snapshot,bookmark"];
  const columns = "name,type,guid,creation,receive_resume_token,encryption,zrepl:placeholder,userrefs,createtxg";
  expect(buildListArgv({ roots: ["p/a b", "q"] })).toEqual([
    ...["zfs", "list", "-Hp", "-r", ...types, "-o", columns, "--", "p/a b", "q"],
  ]);
  expect(buildListArgv({ roots: [], depth: 1 })).toEqual([
    ...["zfs", "list", "-Hp", "-d", "1", ...types, "-o", columns, "--"],
  ]);
});

describe("chunkArguments", () => {
  test.each`
    args                  | maxBytes | chunks
    ${[]}                 | ${100}   | ${[]}
    ${["a"]}              | ${100}   | ${[["a"]]}
    ${["a", "b", "c"]}    | ${20}    | ${[["a", "b"], ["c"]]}
    ${["a", "b", "c"]}    | ${19}    | ${[["a"], ["b"], ["c"]]}
    ${["longer than it"]} | ${5}     | ${[["longer than it"]]}
  `("puts $args into $chunks for $maxBytes bytes", ({ args, maxBytes, chunks }) => {
    expect(chunkArguments(args, maxBytes)).toEqual(chunks);
  });

  test("keeps all arguments in order, makes no empty chunk, and none too long unless it is one argument", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 300 })), fc.integer({ min: 1, max: 1000 }), (args, maxBytes) => {
        const chunks = chunkArguments(args, maxBytes);
        expect(chunks.flat()).toEqual(args);
        for (const chunk of chunks) {
          const size = chunk.reduce((sum, arg) => sum + arg.length + 9, 0);
          expect(chunk.length === 1 || (chunk.length > 1 && size <= maxBytes)).toBe(true);
        }
      }),
    );
  });

  test("a full chunk is far below the kernel's limit of 2 MiB", () => {
    const args = Array.from({ length: 100_000 }, (_, i) => `tank/some/filesystem@zrepl_2026-11-21T13:00:00_${i}`);
    const bytes = chunkArguments(args).map((chunk) => chunk.reduce((sum, arg) => sum + arg.length + 9, 0));
    expect(Math.max(...bytes)).toBeLessThanOrEqual(512 * 1024);
    expect(bytes.length).toBeLessThan(15);
  });
});
