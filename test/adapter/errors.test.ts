import { expect, test } from "vitest";
import { classifyZfsError, ZfsCommandError } from "../../src/zfs/errors.ts";
import { recordedFailures } from "./fixture.ts";

test("there are many recorded failures", () => {
  expect(recordedFailures().length).toBeGreaterThan(40);
});

test.each(recordedFailures())("$command: $reason", ({ reason, stderr }) => {
  expect(classifyZfsError({ stderr })).toBe(reason);
});

/** Wordings of other releases, and of situations that can't be recorded without harm. */
test.each`
  stderr                                                                                                                                                            | reason
  ${"cannot destroy snapshot p@a: it's being held. Run 'zfs holds -r p@a' to see holders."}                                                                         | ${"held"}
  ${"cannot receive incremental stream: destination p/x is busy"}                                                                                                   | ${"busy"}
  ${"cannot unmount '/p': pool or dataset is busy"}                                                                                                                 | ${"busy"}
  ${"cannot receive new filesystem stream: zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one with an encrypted one"} | ${"encryption-mismatch"}
  ${"cannot open 'p': pool I/O is currently suspended"}                                                                                                             | ${"pool-suspended"}
  ${"cannot receive: failed to read from stream"}                                                                                                                   | ${"stream-cut"}
  ${"cannot create snapshot 'p@a': out of space"}                                                                                                                   | ${"no-space"}
  ${"cannot receive new filesystem stream: destination p/x space quota exceeded."}                                                                                  | ${"no-space"}
  ${""}                                                                                                                                                             | ${"unknown"}
  ${"something that nobody has seen"}                                                                                                                               | ${"unknown"}
`("$reason: $stderr", ({ stderr, reason }) => {
  expect(classifyZfsError({ stderr: `${stderr}\n` })).toBe(reason);
});

test("only what may pass by itself is temporary", () => {
  const temporary = recordedFailures().filter(
    ({ stderr }) => new ZfsCommandError(["zfs", "x"], { exitCode: 1, stdout: "", stderr }).temporary,
  );
  expect(new Set(temporary.map(({ reason }) => reason))).toEqual(
    new Set(["busy", "stream-cut", "resume-state-available"]),
  );
});

test("a killed command is told from one that failed", () => {
  const killed = new ZfsCommandError(["zfs", "recv", "p@a"], {
    ...{ exitCode: 128, signal: "SIGKILL", stdout: "", stderr: "" },
  });
  expect([killed.reason, killed.temporary, killed.message]).toEqual([
    "killed",
    true,
    "zfs recv p@a: killed by SIGKILL",
  ]);
});

test("the message has zfs's words on one line, without its usage, and how it ended", () => {
  const failure = recordedFailures().find(({ command }) => command.startsWith("zfs bookmark src/with space@nope"));
  const error = new ZfsCommandError(["zfs", "bookmark"], { exitCode: 2, stdout: "", stderr: failure?.stderr ?? "" });
  expect(error.message).toBe("cannot open 'src/with space@nope': dataset does not exist (zfs bookmark: exit status 2)");
  expect(error.exitCode).toBe(1);
});

test("without words, the message has the command, shortened", () => {
  const argv = ["zfs", "hold", "a tag", ...Array.from({ length: 1000 }, (_, i) => `p@${i}`)];
  const { message } = new ZfsCommandError(argv, { exitCode: 1, stdout: "", stderr: "" });
  expect(message).toMatch(/^zfs hold "a tag" p@0 p@1 .*…: exit status 1$/);
  expect(message.length).toBeLessThan(330);
});

test("who may not is told what to do", () => {
  const [failure] = recordedFailures().filter(({ reason }) => reason === "permission");
  const error = new ZfsCommandError(["zfs", "hold"], { exitCode: 1, stdout: "", stderr: failure?.stderr ?? "" });
  expect(error.hint).toMatch(/run it as root, or delegate/);
});
