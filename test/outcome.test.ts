import { describe, expect, test } from "vitest";
import { FailedError, LockedError, NothingMatchedError, PartialFailure, type ZreplRunError } from "../src/errors.ts";
import type { PhaseResult } from "../src/invocation.ts";
import { forEachJob, settleJob } from "../src/outcome.ts";

function exitCodeOf(body: () => void): number {
  try {
    body();
    return 0;
  } catch (error) {
    return (error as ZreplRunError).exitCode;
  }
}

const phase = (matched: number, done: number, failed: number, more: Partial<PhaseResult> = {}): PhaseResult => ({
  ...{ matched, done, failed },
  ...more,
});

test.each`
  what                                    | phases                                | exitCode
  ${"all done"}                           | ${[phase(3, 3, 0)]}                   | ${0}
  ${"matched, nothing to do"}             | ${[phase(3, 0, 0)]}                   | ${0}
  ${"some failed"}                        | ${[phase(3, 2, 1)]}                   | ${3}
  ${"all failed"}                         | ${[phase(3, 0, 3)]}                   | ${1}
  ${"nothing matched"}                    | ${[phase(0, 0, 0)]}                   | ${4}
  ${"no phase at all"}                    | ${[]}                                 | ${4}
  ${"one phase failed, the next is done"} | ${[phase(0, 0, 1), phase(3, 3, 0)]}   | ${3}
  ${"all phases failed"}                  | ${[phase(0, 0, 1), phase(3, 0, 3)]}   | ${1}
  ${"one phase matched nothing"}          | ${[phase(0, 0, 0), phase(3, 3, 0)]}   | ${0}
  ${"a pool is missing, others are done"} | ${[phase(3, 3, 1)]}                   | ${3}
  ${"left alone"}                         | ${[phase(3, 3, 0, { leftAlone: 1 })]} | ${3}
`("$what: exit $exitCode", ({ phases, exitCode }) => {
  expect(exitCodeOf(() => settleJob("j", phases))).toBe(exitCode);
});

describe("several jobs", () => {
  const jobs = ["a", "b", "c"].map((name) => ({ name }));
  const run = async (outcomes: Readonly<Record<string, Error>>, only = jobs, signal = new AbortController().signal) => {
    const [ran, told]: [string[], string[]] = [[], []];
    let error: unknown;
    try {
      await forEachJob(
        only,
        signal,
        ({ name }, { message }) => told.push(`${name}: ${message}`),
        async ({ name }) => {
          ran.push(name);
          const outcome = outcomes[name];
          if (outcome !== undefined) throw outcome;
        },
      );
    } catch (thrown) {
      error = thrown;
    }
    return { ran, told, error };
  };
  const failed = new FailedError("broken");
  const nothing = new NothingMatchedError("nothing there");

  test.each`
    what                         | outcomes                                                                                  | exitCode
    ${"all fine"}                | ${{}}                                                                                     | ${undefined}
    ${"one failed"}              | ${{ b: failed }}                                                                          | ${3}
    ${"one is locked"}           | ${{ a: new LockedError("held") }}                                                         | ${3}
    ${"all failed"}              | ${{ a: failed, b: failed, c: failed }}                                                    | ${1}
    ${"all partly"}              | ${{ a: new PartialFailure("x"), b: new PartialFailure("x"), c: new PartialFailure("x") }} | ${3}
    ${"all without a match"}     | ${{ a: nothing, b: nothing, c: nothing }}                                                 | ${4}
    ${"all failed, differently"} | ${{ a: failed, b: nothing, c: failed }}                                                   | ${3}
  `("$what: $exitCode, and every job is run", async ({ outcomes, exitCode }) => {
    const { ran, told, error } = await run(outcomes);
    expect(ran).toEqual(["a", "b", "c"]);
    expect((error as ZreplRunError | undefined)?.exitCode).toBe(exitCode);
    expect(told).toEqual(Object.keys(outcomes).map((name) => `${name}: ${outcomes[name].message}`));
  });

  test("one job's own error comes through, and is told once", async () => {
    expect(await run({ a: failed }, jobs.slice(0, 1))).toEqual({ ran: ["a"], told: [], error: failed });
  });

  test("a bug stops everything", async () => {
    const bug = new TypeError("x is undefined");
    expect(await run({ a: bug })).toEqual({ ran: ["a"], told: [], error: bug });
  });

  test("an interruption stops everything, with its own error", async () => {
    const interrupt = new AbortController();
    interrupt.abort(new Error("SIGTERM"));
    const { ran, error } = await run({ a: failed }, jobs, interrupt.signal);
    expect([ran, (error as Error).message]).toEqual([["a"], "SIGTERM"]);
  });
});
