import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  ConfigError,
  FailedError,
  InterruptedError,
  LockedError,
  NothingMatchedError,
  PartialFailure,
  UsageError,
} from "../src/errors.ts";
import { reportFailure, reportSuccess } from "../src/report-failure.ts";
import { eventsOf } from "./report/event-schema.ts";

function written() {
  let text = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

function report(error: unknown, json = false) {
  const [stdout, stderr] = [written(), written()];
  const exitCode = reportFailure(error, json, { stdout: stdout.stream, stderr: stderr.stream });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

test.each`
  error                              | exitCode
  ${new FailedError("m")}            | ${1}
  ${new UsageError("m")}             | ${2}
  ${new ConfigError(["m"])}          | ${2}
  ${new PartialFailure("m")}         | ${3}
  ${new NothingMatchedError("m")}    | ${4}
  ${new LockedError("m")}            | ${75}
  ${new InterruptedError("SIGINT")}  | ${130}
  ${new InterruptedError("SIGTERM")} | ${143}
  ${new Error("m")}                  | ${1}
  ${"no error at all"}               | ${1}
`("$error.name: $error.message ends with $exitCode", ({ error, exitCode }) => {
  expect(report(error).exitCode).toBe(exitCode);
  const { stdout } = report(error, true);
  expect(JSON.parse(stdout)).toMatchObject({ event: "end", exitCode });
});

describe("the message", () => {
  test("of an error of ours has its hint, and no stack", () => {
    expect(report(new FailedError("it failed", { hint: "do that" }))).toEqual({
      ...{ exitCode: 1, stdout: "", stderr: "zrepl-run: it failed\nhint: do that\n" },
    });
  });

  test("of a config error is its problems as they are, for editors to jump to", () => {
    expect(report(new ConfigError(["a.yml:1:2: one", "a.yml:3:4: two"])).stderr).toBe(
      "a.yml:1:2: one\na.yml:3:4: two\n",
    );
  });

  test("of anything else says that it is a bug, with the stack", () => {
    expect(report(new TypeError("x is undefined")).stderr).toMatch(
      /^zrepl-run: internal error, please report\nTypeError: x is undefined\n {4}at /,
    );
  });

  test("goes into the last line of --json, with the hint", () => {
    const { stdout } = report(new LockedError("held", { hint: "wait" }), true);
    const [end] = eventsOf(stdout);
    expect(end).toMatchObject({ event: "end", exitCode: 75, error: "held", hint: "wait" });
  });
});

test("success is a line of --json, and silent otherwise", () => {
  const [json, plain] = [written(), written()];
  reportSuccess(true, json.stream);
  reportSuccess(false, plain.stream);
  expect(eventsOf(json.text())).toMatchObject([{ event: "end", v: 1, exitCode: 0 }]);
  expect(plain.text()).toBe("");
});
