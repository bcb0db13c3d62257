import { describe, expect, test } from "vitest";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { planReplication, type ReplicationPlan } from "../../src/replicate/plan.ts";
import { execute, fakeEnds } from "./fake-ends.ts";
import { type Policy, planInput, state } from "./states.ts";

function plan(sender: FilesystemState[], receiver: FilesystemState[] = [], policy: Policy = {}): ReplicationPlan {
  return planReplication(planInput(sender, receiver, { initialReplication: "all", ...policy }));
}

const error = (message: string) => new Error(message);

describe("the order of bookkeeping", () => {
  test("protection is on disk before the first byte, the receiver's holds before the sender's cursor", async () => {
    const { log } = await execute(plan([state("a", "@1,1 @2,2")], [state("a", "@1,1")]), fakeEnds());
    expect(log).toEqual(["prepare a@2", "transfer a@2", "end a@2", "confirm a@2", "complete a@2"]);
  });

  test("is done for a window of steps at once, for the newest of each filesystem", async () => {
    const { log, results } = await execute(plan([state("a", "@1,1 @2,2 @3,3"), state("b", "@1,1 @2,4")]), fakeEnds());
    expect(log.filter((line) => !/transfer|end/.test(line))).toEqual([
      "prepare a@1 b@1 a@2 a@3 b@2",
      "confirm a@3 b@2",
      "complete a@3 b@2",
    ]);
    expect(log.filter((line) => /transfer/.test(line)).map((line) => line.slice(9))).toEqual([
      "a@1",
      "b@1",
      "a@2",
      "a@3",
      "b@2",
    ]);
    expect(results).toEqual(["a: 3", "b: 2"]);
  });

  test("windows end after so many steps; what is half done stays protected", async () => {
    const { log } = await execute(plan([state("a", "@1,1 @2,2 @3,3")]), fakeEnds(), {
      window: { maxSteps: 2, maxDelaySec: 100 },
    });
    expect(log.filter((line) => !/transfer|end/.test(line))).toEqual([
      ...["prepare a@1 a@2", "confirm a@2", "complete a@2", "prepare a@3", "confirm a@3", "complete a@3"],
    ]);
  });

  test("windows end after so long, but never before one step is done", async () => {
    let nowMs = 0;
    const ends = fakeEnds({
      transfer: async () => {
        nowMs += 20_000;
      },
    });
    const { log } = await execute(plan([state("a", "@1,1 @2,2")]), ends, {
      ...{ window: { maxSteps: 100, maxDelaySec: 10 }, nowMs: () => nowMs },
    });
    expect(log).toEqual([
      ...["prepare a@1 a@2", "transfer a@1", "end a@1", "confirm a@1"],
      ...["complete a@1 (unfinished a@2)", "prepare a@2", "transfer a@2", "end a@2", "confirm a@2", "complete a@2"],
    ]);
  });

  test("a step that failed keeps its protection when those before it are recorded", async () => {
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step === "a@2") throw error("cut");
      },
    });
    const { log, results } = await execute(plan([state("a", "@1,1 @2,2 @3,3")]), ends);
    expect(log.slice(-2)).toEqual(["confirm a@1", "complete a@1 (unfinished a@2)"]);
    expect(results).toEqual(["a: 1, cut"]);
  });

  test("with nothing to send, only what is amiss is put right", async () => {
    const { log } = await execute(plan([state("a", "@1,1")], [state("a", "@1,1")]), fakeEnds());
    expect(log).toEqual(["confirm a@1", "complete a@1"]);
  });

  test("the receiver is made ready first", async () => {
    const diverged = [state("a", "@1,1 @x,9")];
    const rolled = await execute(plan([state("a", "@1,1 @2,2")], diverged, { diverged: "rollback" }), fakeEnds());
    expect(rolled.log.slice(0, 3)).toEqual(["rollback a@1", "prepare a@2", "transfer a@2"]);
    const aside = await execute(
      plan([state("a", "@1,1")], [state("a", "@x,9")], { diverged: "set_aside" }),
      fakeEnds(),
    );
    expect(aside.log.slice(0, 2)).toEqual(["set aside a.aside", "prepare a@1"]);
  });
});

describe("one filesystem failing", () => {
  const both = plan([state("a", "@1,1 @2,3"), state("b", "@1,2 @2,4")]);

  test("does not stop the others, but all of its own steps", async () => {
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step === "a@1") throw error("broken");
      },
    });
    const { log, results } = await execute(both, ends);
    expect(results).toEqual(["a: 0, broken", "b: 2"]);
    expect(log).not.toContain("transfer a@2");
    expect(log).toContain("complete b@2");
  });

  test.each`
    what                 | trouble                                             | results                      | missing
    ${"to be prepared"}  | ${{ prepare: new Map([["a", error("no hold")]]) }}  | ${["a: 0, no hold", "b: 2"]} | ${"transfer a@1"}
    ${"to be confirmed"} | ${{ confirm: new Map([["a", error("no hold")]]) }}  | ${["a: 2, no hold", "b: 2"]} | ${"complete a@2 b@2"}
    ${"to be completed"} | ${{ complete: new Map([["a", error("no mark")]]) }} | ${["a: 2, no mark", "b: 2"]} | ${"nothing"}
    ${"to be received"} | ${{ openReceive: (step: string) => {
    if (step.startsWith("a")) throw error("no parent");
  } }} | ${["a: 0, no parent", "b: 2"]} | ${"transfer a@1"}
  `("$what: $results", async ({ trouble, results, missing }) => {
    const executed = await execute(both, fakeEnds(trouble));
    expect(executed.results).toEqual(results);
    expect(executed.log).not.toContain(missing);
    expect(executed.log).toContain("transfer b@2");
  });

  test("on the way to the receiver keeps its new children away, not those that are there", async () => {
    const sender = [
      state("a", "@1,5"),
      state("a/b", "@1,6"),
      state("a/b/c", "@1,7"),
      state("a/d", "@1,1 @2,8"),
      state("aa", "@1,9"),
    ];
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step === "a@1") throw error("broken");
      },
    });
    const { log, results } = await execute(plan(sender, [state("a/d", "@1,1")]), ends);
    expect(results).toEqual([
      "a: 0, broken",
      "a/b: 0, parent(s) failed during initial replication: [a]",
      "a/b/c: 0, parent(s) failed during initial replication: [a a/b]",
      ...["a/d: 1", "aa: 1"],
    ]);
    expect(log).not.toContain("transfer a/b@1");
  });

  test("after its first step does not keep its children away", async () => {
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step === "a@2") throw error("broken");
      },
    });
    const { results } = await execute(plan([state("a", "@1,1 @2,2"), state("a/b", "@1,3")]), ends);
    expect(results).toEqual(["a: 1, broken", "a/b: 1"]);
  });
});

describe("several at the same time", () => {
  const gate = () => {
    let open: () => void = () => undefined;
    const passed = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { passed, open: () => open() };
  };

  test.each([1, 2, 3])("never more than %i, and never two steps of one filesystem", async (concurrency) => {
    const running = new Set<string>();
    let most = 0;
    const ends = fakeEnds({
      transfer: async (step) => {
        const filesystem = step.split("@")[0] ?? "";
        expect(running.has(filesystem)).toBe(false);
        running.add(filesystem);
        most = Math.max(most, running.size);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running.delete(filesystem);
      },
    });
    const filesystems = ["a", "b", "c", "d"].map((name) => state(name, "@1,1 @2,2 @3,3"));
    const { results } = await execute(plan(filesystems), ends, { concurrency });
    expect(results).toEqual(["a: 3", "b: 3", "c: 3", "d: 3"]);
    expect(most).toBe(concurrency);
  });

  test("a child waits for its parent's first snapshot, others go on", async () => {
    const parent = gate();
    const ends = fakeEnds({ transfer: (step) => (step === "a@1" ? parent.passed : Promise.resolve()) });
    const done = execute(plan([state("a", "@1,1"), state("a/b", "@1,2"), state("c", "@1,3")]), ends, {
      concurrency: 3,
    });
    await expect.poll(() => ends.log).toContain("end c@1");
    expect(ends.log).not.toContain("transfer a/b@1");
    parent.open();
    expect((await done).results).toEqual(["a: 1", "a/b: 1", "c: 1"]);
  });
});

describe("stopped", () => {
  test("when interrupted: nothing more is started or recorded, and it waits for what runs", async () => {
    const interrupt = new AbortController();
    let ended = false;
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step === "b@1") {
          await new Promise((resolve) => setTimeout(resolve, 50));
          ended = true;
        } else {
          interrupt.abort(error("SIGTERM"));
          throw error("killed");
        }
      },
    });
    const done = execute(plan([state("a", "@1,1 @2,2"), state("b", "@1,1")]), ends, {
      ...{ concurrency: 2, interrupted: interrupt.signal },
    });
    await expect(done).rejects.toThrow("SIGTERM");
    expect(ended).toBe(true);
    expect(ends.log.filter((line) => /confirm|complete|transfer a@2/.test(line))).toEqual([]);
  });

  test("when time is up: what is done is recorded, the rest fails for it", async () => {
    const time = new AbortController();
    const ends = fakeEnds({
      transfer: async (step) => {
        if (step !== "a@2") return;
        time.abort(error("time is up"));
        throw error("time is up");
      },
    });
    const { log, results } = await execute(plan([state("a", "@1,1 @2,2 @3,3"), state("b", "@1,9")]), ends, {
      timeUp: time.signal,
    });
    expect(results).toEqual(["a: 1, time is up", "b: 0, time is up"]);
    expect(log.slice(-2)).toEqual(["confirm a@1", "complete a@1 (unfinished a@2)"]);
  });
});
