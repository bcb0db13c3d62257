import { describe, expect, test } from "vitest";
import { formatLog, type LogFormatOptions } from "../../src/report/log-format.ts";

const TIME_MS = Date.UTC(2026, 10, 21, 13, 0, 0, 250);
const record = { level: "warn", job: "push job", subsystem: "repl", message: 'it said "no"' } as const;

function format(options: Partial<LogFormatOptions>, one: Parameters<typeof formatLog>[0] = record): string {
  const paint = (level: string, text: string) => `<${level}>${text}</>`;
  return formatLog(one, { logFormat: "human", time: true, timeMs: TIME_MS, paint, ...options });
}

describe("a log line", () => {
  test.each`
    logFormat   | time     | line
    ${"human"}  | ${true}  | ${'2026-11-21T13:00:00.250Z [<warn>WARN</>][push job][repl]: it said "no"'}
    ${"human"}  | ${false} | ${'[<warn>WARN</>][push job][repl]: it said "no"'}
    ${"logfmt"} | ${true}  | ${'level=warn time=2026-11-21T13:00:00.250Z job="push job" subsystem=repl msg="it said \\"no\\""'}
    ${"json"}   | ${true}  | ${'{"level":"warn","time":"2026-11-21T13:00:00.250Z","job":"push job","subsystem":"repl","msg":"it said \\"no\\""}'}
  `("in $logFormat, with time: $time", ({ logFormat, time, line }) => {
    expect(format({ logFormat, time })).toBe(line);
  });

  test("has fields behind the message", () => {
    const one = { level: "info", message: "m", fields: { n: 1, text: "a b", empty: "" } } as const;
    expect(format({}, one)).toBe('2026-11-21T13:00:00.250Z [<info>INFO</>]: m n=1 text="a b" empty=""');
    expect(format({ logFormat: "logfmt" }, one)).toMatch(/ msg=m n=1 text="a b" empty=""$/);
    expect(JSON.parse(format({ logFormat: "json" }, one))).toMatchObject({ n: 1, text: "a b", empty: "" });
  });

  test("stays one line in logfmt and json, whatever is in it", () => {
    const one = { level: "error", message: "a\nb\t=c\\", job: "x=y" } as const;
    for (const logFormat of ["logfmt", "json"] as const) expect(format({ logFormat }, one)).not.toContain("\n");
    expect(JSON.parse(format({ logFormat: "json" }, one)).msg).toBe(one.message);
    expect(format({ logFormat: "logfmt" }, one)).toMatch(/job="x=y" msg="a\\nb\\t=c\\\\"$/);
  });
});
