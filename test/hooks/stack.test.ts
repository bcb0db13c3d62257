import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { commandHook } from "../../src/hooks/command-hook.ts";
import { type HookStep, runStack } from "../../src/hooks/stack.ts";
import { hookContext, scriptFolder } from "./scripts.ts";

const script = scriptFolder();

/** Programs of §6.5's table. */
const programs = {
  reporter: script("reporter", 'echo "TEST $ZREPL_HOOKTYPE $ZREPL_FS@$ZREPL_SNAPNAME"'),
  sleeper: script("sleeper", "echo ZREPL_TIMEOUT=$ZREPL_TIMEOUT; sleep 30"),
  exit1: script("exit1", "exit 1"),
  failsPre: script("fails-pre", '[ "$ZREPL_HOOKTYPE" != pre_snapshot ]'),
  failsPost: script("fails-post", '[ "$ZREPL_HOOKTYPE" != post_snapshot ]'),
  chatty: script("chatty", '[ "$ZREPL_HOOKTYPE" = post_snapshot ] || head -c 3000000 /dev/zero | tr "\\0" x'),
};

type Program = keyof typeof programs;

async function run(names: readonly (Program | `${Program}!`)[], timeoutSec = 30) {
  const hooks = names.map((name) => {
    const errIsFatal = name.endsWith("!");
    const path = programs[name.replace("!", "") as Program];
    return commandHook({ path, timeoutSec, errIsFatal }, hookContext());
  });
  let called = false;
  const callback = async () => {
    called = true;
  };
  const report = await runStack(hooks, callback, { interrupted: new AbortController().signal, nowMs: Date.now });
  return { ...report, called };
}

const SHORT = {
  ok: "Ok",
  failed: "Err",
  skippedDueToPreError: "SkipPre",
  skippedDueToFatalError: "SkipFatal",
} as const;

/** `pre:reporter:Ok cb:Ok …` */
function shown(steps: readonly HookStep[]): string {
  return steps
    .map(({ edge, hook, status }) =>
      edge === "callback" ? `cb:${SHORT[status]}` : `${edge}:${hook?.replace(/.*\//, "")}:${SHORT[status]}`,
    )
    .join(" ");
}

describe("zrepl's table (§6.5), with post edges as documented", () => {
  test.each`
    what                                                       | hooks                         | steps                                                                                               | hadError | fatal
    ${"no hooks"}                                              | ${[]}                         | ${"cb:Ok"}                                                                                          | ${false} | ${false}
    ${"both edges run"}                                        | ${["reporter"]}               | ${"pre:reporter:Ok cb:Ok post:reporter:Ok"}                                                         | ${false} | ${false}
    ${"a pre error that is not fatal continues"}               | ${["exit1"]}                  | ${"pre:exit1:Err cb:Ok post:exit1:SkipPre"}                                                         | ${true}  | ${false}
    ${"a fatal pre error skips all that comes"}                | ${["exit1!", "reporter"]}     | ${"pre:exit1:Err pre:reporter:SkipFatal cb:SkipFatal post:reporter:SkipFatal post:exit1:SkipFatal"} | ${true}  | ${true}
    ${"… but not the post edge of an earlier successful hook"} | ${["reporter", "exit1!"]}     | ${"pre:reporter:Ok pre:exit1:Err cb:SkipFatal post:exit1:SkipFatal post:reporter:Ok"}               | ${true}  | ${true}
    ${"post errors are never fatal"}                           | ${["failsPost!", "reporter"]} | ${"pre:fails-post:Ok pre:reporter:Ok cb:Ok post:reporter:Ok post:fails-post:Err"}                   | ${true}  | ${false}
    ${"a pre error cancels its own post edge"}                 | ${["failsPre"]}               | ${"pre:fails-pre:Err cb:Ok post:fails-pre:SkipPre"}                                                 | ${true}  | ${false}
    ${"… and no other's"}                                      | ${["reporter", "failsPre"]}   | ${"pre:reporter:Ok pre:fails-pre:Err cb:Ok post:fails-pre:SkipPre post:reporter:Ok"}                | ${true}  | ${false}
  `("$what: $hooks", async ({ hooks, steps, hadError, fatal }) => {
    const report = await run(hooks);
    expect(shown(report.steps)).toBe(steps);
    expect([report.hadError, report.hadFatalError]).toEqual([hadError, fatal]);
    expect(report.called).toBe(!fatal);
  });

  test("the environment says what is going on", async () => {
    const { steps } = await run(["reporter"]);
    expect(steps.map(({ output }) => output)).toEqual([
      "TEST pre_snapshot pool/fs@snap\n",
      undefined,
      "TEST post_snapshot pool/fs@snap\n",
    ]);
  });

  test("a hook whose time is over fails", async () => {
    const { steps } = await run(["sleeper"], 2);
    expect(shown(steps)).toBe("pre:sleeper:Err cb:Ok post:sleeper:SkipPre");
    expect(steps[0]?.output).toBe("ZREPL_TIMEOUT=2\n");
    expect(steps[0]?.error?.message).toMatch(/timed out after 2(.\d+)?s/);
  });

  test("errors read as in zrepl", async () => {
    const { steps } = await run(["exit1"]);
    expect(steps[0]?.error?.message).toMatch(/^command hook failed.*exit status 1$/);
  });

  test("of much output the last mebibyte is kept", async () => {
    const { steps } = await run(["chatty"]);
    expect(shown(steps)).toBe("pre:chatty:Ok cb:Ok post:chatty:Ok");
    expect(steps.map(({ output }) => output?.length)).toEqual([1 << 20, undefined, 0]);
  });
});

describe("programs", () => {
  const runOne = (path: string, timeoutSec = 5, more = {}) =>
    commandHook({ path, timeoutSec, errIsFatal: false }, hookContext(more)).run("pre");

  test("a time-out ends the whole process group, also what ignores SIGTERM", async () => {
    const path = script("family", `(trap "" TERM; echo $$ > ${"$0"}.pid; exec sleep 60) & sleep 60`);
    const startMs = Date.now();
    const { error } = await runOne(path, 0.5);
    expect(error?.message).toContain("timed out after 500ms: signal: terminated");
    expect(Date.now() - startMs).toBeLessThan(5000);
    await delay(100);
    const alive = readFileSync(`${path}.pid`, "utf8").trim();
    expect(existsSync(`/proc/${alive}/exe`)).toBe(false);
  });

  test("a daemon that a hook leaves behind does not hold us up", async () => {
    const startMs = Date.now();
    const { error, output } = await runOne(script("daemon", "sleep 20 & echo started"));
    expect([error, output]).toEqual([undefined, "started\n"]);
    expect(Date.now() - startMs).toBeLessThan(5000);
  });

  test("a program that is missing, or is none, is told plainly", async () => {
    expect((await runOne("/nonexistent/hook")).error?.message).toMatch(/No such file|not found/);
    expect((await runOne("/etc/passwd")).error?.message).toMatch(/[Pp]ermission denied/);
  });

  test("lines are passed on as they come, by stream", async () => {
    const lines: string[] = [];
    const onLine = (_hook: string, stream: string, line: string) => lines.push(`${stream}: ${line}`);
    await runOne(script("lines", "echo out; sleep 0.2; echo err >&2; sleep 0.2; printf end"), 5, { onLine });
    expect(lines).toEqual(["stdout: out", "stderr: err", "stdout: end"]);
  });

  test("the variables are zrepl's; ZREPL_DRYRUN is set but empty", async () => {
    const { output } = await runOne(script("env", "env | grep -E '^(ZREPL_|INHERITED)' | sort"), 2.5);
    expect(output?.trim().split("\n")).toEqual([
      "INHERITED=yes",
      "ZREPL_DRYRUN=",
      "ZREPL_FS=pool/fs",
      "ZREPL_HOOKTYPE=pre_snapshot",
      "ZREPL_JOB=j",
      "ZREPL_SNAPNAME=snap",
      "ZREPL_TIMEOUT=2",
    ]);
  });
});

describe("interruption", () => {
  test("ends the running pre hook, skips the callback, and runs the post edges of those that succeeded", async () => {
    const interrupt = new AbortController();
    const context = hookContext({ interrupted: interrupt.signal });
    const log = script("log", `echo $ZREPL_HOOKTYPE >> ${"$0"}.log`);
    const slow = script("slow", "sleep 30");
    const hooks = [log, slow].map((path) => commandHook({ path, timeoutSec: 20, errIsFatal: false }, context));
    setTimeout(() => interrupt.abort(new Error("SIGTERM")), 300);
    const report = await runStack(hooks, async () => "taken", { interrupted: interrupt.signal, nowMs: Date.now });
    expect(shown(report.steps)).toBe("pre:log:Ok pre:slow:Err cb:SkipFatal post:slow:SkipPre post:log:Ok");
    expect(report.steps[1]?.error?.message).toContain("interrupted");
    expect(readFileSync(`${log}.log`, "utf8")).toBe("pre_snapshot\npost_snapshot\n");
  });

  test("in the callback: what it throws is handed on after the post edges", async () => {
    const interrupt = new AbortController();
    const path = script("log2", `echo $ZREPL_HOOKTYPE >> ${"$0"}.log`);
    const hook = commandHook(
      { path, timeoutSec: 20, errIsFatal: false },
      hookContext({ interrupted: interrupt.signal }),
    );
    const callback = async () => {
      interrupt.abort();
      throw new Error("stopped");
    };
    const report = await runStack([hook], callback, { interrupted: interrupt.signal, nowMs: Date.now });
    expect(shown(report.steps)).toBe("pre:log2:Ok cb:Err post:log2:Ok");
    expect(report.thrown).toEqual(new Error("stopped"));
    expect(readFileSync(`${path}.log`, "utf8")).toBe("pre_snapshot\npost_snapshot\n");
  });
});
