import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/report/events.ts";
import { lineText, ProgressBoard, progressLine } from "../../src/report/progress-board.ts";
import { createReporter, type ReporterOptions } from "../../src/report/reporter.ts";
import { stderrOutlet } from "../../src/report/stderr-outlet.ts";

const STEP = { job: "j", filesystem: "t/a", to: "@b", step: 1, steps: 2 } as const;

/** One of each kind. */
const EVENTS: readonly Event[] = [
  { event: "log", level: "debug", message: "run zfs list" },
  { event: "log", level: "warn", job: "j", filesystem: "t", message: "odd" },
  { event: "snapshotTaken", job: "j", filesystem: "t", name: "z_1" },
  { event: "hookDone", job: "j", filesystem: "t", hook: "/h", type: "pre_snapshot", status: "ok", seconds: 1 },
  { event: "hookDone", job: "j", hook: "/h", type: "pre_replicate", status: "failed", message: "exit 1", seconds: 1 },
  { event: "stepStarted", resumed: false, kind: "full", ...STEP },
  { event: "stepStarted", resumed: true, kind: "incremental", from: "#c", ...STEP },
  { event: "stepDone", bytes: 1536, seconds: 61, kind: "full", ...STEP },
  {
    event: "filesystemFailed",
    job: "j",
    phase: "replicate",
    filesystem: "t",
    message: "no",
    hint: "do",
    temporary: false,
  },
  { event: "snapshotDestroyed", job: "j", side: "sender", filesystem: "t", name: "a", guid: "1" },
  { event: "snapshotKept", job: "j", side: "receiver", filesystem: "t", name: "a", guid: "1", reason: "held" },
  { event: "planText", job: "j", text: "t: 1 step" },
  { event: "plannedSnapshot", job: "j", filesystem: "t", name: "z_1" },
  { event: "checked", job: "j", check: "zfs", status: "ok", detail: "zfs-2.1" },
  { event: "checked", job: "j", check: "rootFs", status: "fail", detail: "no root_fs", remedy: "zfs create t" },
  { event: "phaseDone", job: "j", phase: "prune", side: "sender", done: 1, failed: 0, summary: "pruned sender" },
];

function report(options: Partial<ReporterOptions> = {}, events: readonly Event[] = EVENTS) {
  const text = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr") =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        text[name] += chunk;
        done();
      },
    });
  const { logLevel = "info", quiet = false } = options;
  const outlet = stderrOutlet({
    ...{ stderr: into("stderr"), level: quiet ? "warn" : logLevel, logFormat: "human", time: false },
    ...{ priorities: false, paint: (_level, part) => part },
  });
  const reporter = createReporter({
    ...{
      stdout: into("stdout"),
      json: false,
      logLevel,
      quiet,
      outlets: [outlet],
      board: new ProgressBoard(),
      display: undefined,
      nowMs: () => 0,
    },
    ...options,
  });
  for (const event of events) reporter.emit(event);
  return { ...text, reporter };
}

describe("for people", () => {
  test("results go to stdout, what happens to stderr", () => {
    const { stdout, stderr } = report();
    expect(stdout).toBe("t: 1 step\nok   zfs-2.1\nFAIL no root_fs; zfs create t\nj: pruned sender\n");
    expect(stderr.split("\n")).toEqual([
      "[WARN][j]: t: odd",
      "[INFO][j][snapshot]: created snapshot t@z_1",
      "[ERRO][j][repl]: pre_replicate hook /h: exit 1",
      "[INFO][j][repl]: t/a: sending full @b (step 1 of 2)",
      "[INFO][j][repl]: t/a: resuming #c → @b (step 1 of 2)",
      "[INFO][j][repl]: t/a: @b received, 1.5 KiB in 1m01s",
      "[ERRO][j][repl]: t: no",
      "  hint: do",
      "[INFO][j][pruning]: destroyed t@a on sender",
      "[INFO][j][pruning]: kept t@a on receiver: held",
      "",
    ]);
  });

  test("quiet leaves warnings, errors and what was asked for", () => {
    const { stdout, stderr } = report({ quiet: true });
    expect(stdout).toBe("t: 1 step\nFAIL no root_fs; zfs create t\n");
    expect(stderr.match(/^\[[A-Z]+\]/gm)).toEqual(["[WARN]", "[ERRO]", "[ERRO]"]);
  });

  test.each`
    logLevel   | levels
    ${"debug"} | ${["DEBG", "INFO", "WARN", "ERRO"]}
    ${"info"}  | ${["INFO", "WARN", "ERRO"]}
    ${"warn"}  | ${["WARN", "ERRO"]}
    ${"error"} | ${["ERRO"]}
  `("--log-level $logLevel shows $levels", ({ logLevel, levels }) => {
    const shown = new Set(report({ logLevel }).stderr.match(/^\[([A-Z]+)\]/gm));
    expect(shown).toEqual(new Set(levels.map((level: string) => `[${level}]`)));
  });
});

describe("with --json", () => {
  test("every event is a line on stdout as it is, and only events are", () => {
    const { stdout, reporter } = report({ json: true, logLevel: "debug" });
    expect(
      stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual(EVENTS);
    expect(stdout).toMatch(/^\{"event":"log",/);
    expect(reporter.wantsText).toBe(false);
    expect(report().reporter.wantsText).toBe(true);
  });

  test("logs obey --log-level, results are always there", () => {
    const events = report({ json: true, logLevel: "error" })
      .stdout.split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).event);
    expect(events).not.toContain("log");
    expect(events).toEqual(EVENTS.map(({ event }) => event).filter((event) => event !== "log"));
  });

  test("a name with anything in it does not break a line", () => {
    const event: Event = { event: "log", level: "warn", message: 'a\n"b\u2028' };
    const { stdout } = report({ json: true }, [event]);
    expect(stdout.split("\n")).toHaveLength(2);
    expect(JSON.parse(stdout)).toEqual(event);
  });
});

describe("the display on a terminal", () => {
  test("is out of the way while a line is written, and told of changes", () => {
    const calls: string[] = [];
    const board = new ProgressBoard();
    const display = {
      changed: () => calls.push(board.isIdle ? "idle" : (board.lines(0).map(lineText)[0] ?? "")),
      around: (write: () => void) => {
        calls.push("(");
        write();
        calls.push(")");
      },
      stop: () => calls.push("stop"),
    };
    const { reporter } = report({ board, display }, []);
    reporter.progress({ ...STEP, bytes: 5, totalBytes: 10 });
    reporter.emit({ event: "stepDone", bytes: 1536, seconds: 61, kind: "full", ...STEP });
    expect(calls).toEqual(["t/a: step 1 of 2, 5 B of 10 B (50 %)", "idle", "(", ")"]);
  });

  test.each`
    bytes      | totalBytes   | sec  | text
    ${0}       | ${undefined} | ${0} | ${"t/a: step 1 of 2, 0 B"}
    ${1048576} | ${undefined} | ${2} | ${"t/a: step 1 of 2, 1.0 MiB, 512 KiB/s"}
    ${1048576} | ${4194304}   | ${2} | ${"t/a: step 1 of 2, 1.0 MiB of 4.0 MiB (25 %), 512 KiB/s, 6s left"}
    ${5000000} | ${4194304}   | ${2} | ${"t/a: step 1 of 2, 4.0 MiB of 4.0 MiB (100 %), 2.4 MiB/s"}
    ${0}       | ${0}         | ${1} | ${"t/a: step 1 of 2, 0 B of 0 B"}
  `("$bytes of $totalBytes after $sec s: $text", ({ bytes, totalBytes, sec, text }) => {
    expect(lineText(progressLine({ ...STEP, bytes, totalBytes }, sec))).toBe(text);
  });
});
