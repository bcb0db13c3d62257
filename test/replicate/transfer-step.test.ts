import { describe, expect, test } from "vitest";
import { planReplication } from "../../src/replicate/plan.ts";
import { transferStep } from "../../src/replicate/transfer-step.ts";
import { fakeEnds, type Trouble } from "./fake-ends.ts";
import { planInput, state } from "./states.ts";

const [plan] = planReplication(planInput([state("a", "@1,1")], [])).filesystems;
const step = plan?.outcome === "steps" ? plan.steps[0] : undefined;
if (step === undefined) throw new Error("one step");

async function transfer(trouble: Trouble, stallTimeoutSec = 0) {
  const progress: string[] = [];
  const bytes = await transferStep(step as NonNullable<typeof step>, {
    ...fakeEnds(trouble),
    ...{ stallTimeoutSec, signal: new AbortController().signal },
    onProgress: (sent, total) => progress.push(`${sent}/${total}`),
  });
  return { bytes, progress };
}

describe("bytes", () => {
  test.each`
    what                                | lines                                                                              | bytes  | progress
    ${"a small step"}                   | ${["full\tp@1\t600", "size\t600"]}                                                 | ${600} | ${["0/600", "0/600"]}
    ${"the estimate was too low"}       | ${["full\tp@1\t600", "13:00:00\t100\tp@1", "13:00:01\t900\tp@1"]}                  | ${900} | ${["0/600", "100/600", "900/600"]}
    ${"several snapshots are added up"} | ${["size\t300", "13:00:00\t100\tp@1", "13:00:01\t150\tp@2", "13:00:02\t200\tp@2"]} | ${300} | ${["0/300", "100/300", "250/300", "300/300"]}
    ${"nothing was told"}               | ${[]}                                                                              | ${0}   | ${[]}
    ${"other lines say nothing"}        | ${["warning: something", "13:00:00\t5\tp@1"]}                                      | ${5}   | ${["5/undefined"]}
  `("$what: $bytes", async ({ lines, bytes, progress }) => {
    expect(await transfer({ sourceLines: lines })).toEqual({ bytes, progress });
  });
});

describe("the failure that is reported is the cause", () => {
  const failure = (message: string, cause: "own" | "peer") => ({ error: new Error(message), cause });
  test.each`
    sink                          | source                         | reported
    ${failure("no space", "own")} | ${failure("EPIPE", "peer")}    | ${"no space"}
    ${failure("cut", "peer")}     | ${failure("I/O error", "own")} | ${"I/O error"}
    ${failure("cut", "peer")}     | ${undefined}                   | ${"cut"}
    ${undefined}                  | ${failure("warning", "own")}   | ${"warning"}
    ${failure("cut", "peer")}     | ${failure("EPIPE", "peer")}    | ${"cut"}
    ${failure("a", "own")}        | ${failure("b", "own")}         | ${"a"}
  `("$reported", async ({ sink, source, reported }) => {
    await expect(transfer({ judgeSink: sink, judgeSource: source })).rejects.toThrow(reported);
  });
});

describe("a stalled transfer", () => {
  const endless = (_: string, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

  test("is cancelled, and may be tried again", async () => {
    await expect(transfer({ transfer: endless }, 0.05)).rejects.toMatchObject({
      message: expect.stringMatching(/no progress for 0.05 s/),
      temporary: true,
    });
  });

  test("is not one that moves, nor one whose source is done", async () => {
    const slow = async () => new Promise<void>((resolve) => setTimeout(resolve, 100));
    await expect(transfer({ transfer: slow }, 10)).resolves.toMatchObject({ bytes: 0 });
  });
});
