import { describe, expect, test } from "vitest";
import { cursorAt, cutAfter, LAST_RECEIVED, Lab, ONE_ATTEMPT, STEP } from "./lab.ts";

const MIB = 1 << 20;
const all = { conflict_resolution: { initial_replication: "all" } };

describe("the order of steps", () => {
  const HISTORY = `
    + "src/z"
    + "src/z@1"
    + "src/a"
    + "src/a@2"
    + "src/z@3"
    + "src/m"
    + "src/m@4"
    + "src/a@5"`;

  test("is the age of their snapshots over all filesystems", async () => {
    const lab = new Lab(HISTORY);
    const pushed = await lab.succeed({ push: all });
    expect(pushed.started).toEqual([
      "src/z full → @1",
      "src/a full → @2",
      "src/z @1 → @3",
      "src/m full → @4",
      "src/a @2 → @5",
    ]);
  });

  test("is the same with several at once, and never two of one filesystem", async () => {
    const lab = new Lab(HISTORY);
    const pushed = await lab.succeed({ push: { ...all, replication: { concurrency: { steps: 3 } } } });
    expect(pushed.started.slice(0, 2)).toEqual(["src/z full → @1", "src/a full → @2"]);
    expect(pushed.runner.mostAtOnce).toBe(3);
    expect(lab.replicated("src/z")).toEqual(["1", "3"]);
    expect(lab.replicated("src/a")).toEqual(["2", "5"]);
  });

  test("has parents before children, however old these are", async () => {
    const lab = new Lab(`
      + "src/p"
      + "src/p/c"
      + "src/p/c@1"
      + "src/p/c@2"
      + "src/p@3"`);
    const pushed = await lab.succeed({ push: { ...all, replication: { concurrency: { steps: 4 } } } });
    expect(pushed.started[0]).toBe("src/p full → @3");
    expect(lab.replica("src/p").props["zrepl:placeholder"]?.local).not.toBe("on");
  });

  test("one slow filesystem does not keep others from going on", async () => {
    const lab = new Lab(HISTORY);
    const pushed = await lab.succeed({
      push: { ...all, replication: { concurrency: { steps: 2 } } },
      troubles: [{ at: /src\/z@1 \| /, times: 1, what: { kind: "slow", ms: 60 } }],
    });
    expect(pushed.done.indexOf("src/m full → @4")).toBeLessThan(pushed.done.indexOf("src/z full → @1"));
    expect(pushed.runner.mostAtOnce).toBe(2);
  });
});

describe("retries", () => {
  const ONE = `
    + "src/a"
    > "src/a" 3M
    + "src/a@1"`;
  const attempts = (count: number) => ({ push: { replication: { retry: { attempts: count, backoff: "1ms" } } } });

  test("are made for temporary errors, with longer and longer pauses, and told", async () => {
    const lab = new Lab(ONE);
    const pushed = await lab.succeed({
      ...attempts(4),
      troubles: [{ at: / \| /, times: 3, what: { kind: "fail", stderr: "cannot receive: dataset is busy" } }],
    });
    expect(pushed.started).toHaveLength(4);
    expect(pushed.warnings).toHaveLength(3);
    expect(pushed.warnings[0]).toMatch(/dataset is busy.*trying again in/);
  });

  test("end after the configured number of attempts", async () => {
    const lab = new Lab(ONE);
    const pushed = await lab.push({
      ...attempts(3),
      troubles: [{ at: / \| /, what: { kind: "fail", stderr: "cannot receive: dataset is busy" } }],
    });
    expect(pushed.started).toHaveLength(3);
    expect(pushed.result).toMatchObject({ matched: 1, done: 0, failed: 1 });
    expect(lab.holds("src/a")).toEqual([`@1: ${STEP}`]);
  });

  test.each([
    "cannot receive: permission denied",
    "cannot receive new filesystem stream: out of space",
    "cannot receive incremental stream: destination x has been modified\nsince most recent snapshot",
    "internal error: who knows",
  ])("are not made for %j", async (stderr) => {
    const lab = new Lab(ONE);
    const pushed = await lab.push({ ...attempts(3), troubles: [{ at: / \| /, what: { kind: "fail", stderr } }] });
    expect(pushed.started).toHaveLength(1);
    expect(pushed.result?.failed).toBe(1);
  });

  test("are made for the filesystems that failed only", async () => {
    const lab = new Lab(`${ONE}
      + "src/b"
      + "src/b@1"`);
    const pushed = await lab.succeed({
      ...attempts(2),
      troubles: [{ at: /src\/a@1.* \| /, times: 1, what: { kind: "fail", stderr: "cannot receive: dataset is busy" } }],
    });
    expect(pushed.started.filter((step) => step.startsWith("src/b"))).toHaveLength(1);
    expect(pushed.result).toMatchObject({ matched: 2, done: 2, failed: 0 });
  });

  test("go on where a kill of `zfs send` or `zfs recv` left off", async () => {
    for (const kind of ["killSend", "killRecv"] as const) {
      const lab = new Lab(ONE);
      const pushed = await lab.succeed({
        ...attempts(2),
        troubles: [{ at: / \| /, times: 1, what: { kind, bytes: 2 * MIB } }],
      });
      expect(pushed.started).toEqual(["src/a full → @1", "resume src/a full → @1"]);
      expect(pushed.runner.receivedBytes).toBeLessThan(3.5 * MIB);
    }
  });
});

describe("a transfer that does not move", () => {
  const ONE = `
    + "src/a"
    + "src/a@1"`;

  test("is cancelled after stall_timeout, which counts as temporary", async () => {
    const lab = new Lab(ONE);
    const pushed = await lab.succeed({
      push: { replication: { stall_timeout: "30ms", retry: { attempts: 2, backoff: "1ms" } } },
      troubles: [{ at: / \| /, times: 1, what: { kind: "hang" } }],
    });
    expect(pushed.started).toHaveLength(2);
    expect(pushed.warnings[0]).toMatch(/no progress for 0\.03 s .*stall_timeout/);
  });

  test("does not hang the run, and the next one goes on", async () => {
    const lab = new Lab(`${ONE}
      + "src/b"
      + "src/b@1"`);
    const pushed = await lab.push({
      push: { replication: { stall_timeout: "30ms", ...ONE_ATTEMPT } },
      troubles: [{ at: /src\/a@1 \| /, what: { kind: "hang" } }],
    });
    expect(pushed.failures).toEqual({ "src/a": expect.stringContaining("no progress") });
    expect(lab.replicated("src/b")).toEqual(["1"]);
    await lab.succeed();
  });
});

describe("the time limit", () => {
  test("stops the running transfer, records what is done, and the run has failed", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      > "src/a" 1M
      + "src/a@2"
      + "src/a@3"`);
    const pushed = await lab.push({
      push: all,
      timeUp: AbortSignal.timeout(60),
      troubles: [{ at: /src\/a@2 \| /, what: { kind: "hang" } }],
    });
    expect(pushed.error).toBe(undefined);
    expect(pushed.result?.failed).toBe(1);
    expect(pushed.started).toEqual(["src/a full → @1", "src/a @1 → @2"]);
    expect(lab.replicated("src/a")).toEqual(["1"]);
    expect(lab.holds("dst/the sink/my client/src/a")).toEqual([`@1: ${LAST_RECEIVED}`]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
    expect(lab.holds("src/a")).toEqual([`@1: ${STEP}`, `@2: ${STEP}`]);
    await lab.succeed({ push: all });
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3"]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("that is over between two steps starts no other one", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a@2"`);
    const timeUp = new AbortController();
    const pushed = await lab.push({
      push: all,
      timeUp: timeUp.signal,
      troubles: [{ at: /src\/a@1 \| /, what: { kind: "user", act: () => timeUp.abort(new Error("time is up")) } }],
    });
    expect(pushed.started).toEqual(["src/a full → @1"]);
    expect(pushed.result?.failed).toBe(1);
    expect(lab.replicated("src/a")).toEqual(["1"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
  });

  test("makes no further attempt", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    const pushed = await lab.push({
      push: { replication: { retry: { attempts: 5, backoff: "10s" } } },
      timeUp: AbortSignal.timeout(60),
      troubles: [{ at: / \| /, what: { kind: "fail", stderr: "dataset is busy" } }],
    });
    expect(pushed.started).toHaveLength(1);
    expect(pushed.result?.failed).toBe(1);
  });
});

describe("while a run works", () => {
  test("the receiver fails and the sender would go on for ever: the receiver's error is told, nothing hangs", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 8M
      + "src/a@1"
      $ zfs set quota=2M "dst/the sink"`);
    const pushed = await lab.push();
    expect(pushed.failures["src/a"]).toMatch(/quota exceeded/);
    expect(pushed.started).toHaveLength(1);
    lab.play('$ zfs set quota=none "dst/the sink"');
    const again = await lab.succeed();
    expect(again.started).toEqual(["resume src/a full → @1"]);
  });

  test("a new snapshot is for the next run", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    const act = () => void lab.play('+ "src/a@2"');
    await lab.succeed({ troubles: [{ at: / \| /, times: 1, what: { kind: "user", act } }] });
    expect(lab.replicated("src/a")).toEqual(["1"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("1")]);
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
  });

  test("`to` is destroyed before its step: only its filesystem fails, and the next run plans anew", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/b"
      + "src/b@1"`);
    await lab.succeed();
    lab.play(`
      + "src/a@2"
      + "src/b@2"`);
    const act = () => void lab.play('- "src/a@2"');
    const pushed = await lab.push({ troubles: [{ at: /^zfs hold/, times: 1, what: { kind: "user", act } }] });
    expect(Object.keys(pushed.failures)).toEqual(["src/a"]);
    expect(lab.replicated("src/b")).toEqual(["1", "2"]);
    lab.play('+ "src/a@3"');
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1", "3"]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("`to` is replaced by another snapshot of its name: it is not taken for the planned one", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play('+ "src/a@2"');
    const act = () =>
      void lab.play(`
        - "src/a@2"
        > "src/a" 1M
        + "src/a@2"`);
    const pushed = await lab.push({ troubles: [{ at: /^zfs hold/, times: 1, what: { kind: "user", act } }] });
    expect(pushed.failures["src/a"]).toMatch(/does not match what we received/);
    expect(lab.bookmarks("src/a")).not.toContain(cursorAt("2"));
    await lab.succeed();
    expect(lab.snapshot("dst/the sink/my client/src/a@2").guid).toBe(lab.snapshot("src/a@2").guid);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("2")]);
  });

  test("a dry run changes nothing and shows the steps with their sizes", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 1M
      + "src/a@1"
      + "src/a@2"`);
    const before = lab.sim.dump().replace(/^now .*\n/, "");
    const pushed = await lab.push({ dryRun: true, push: all });
    expect(lab.sim.dump().replace(/^now .*\n/, "")).toBe(before);
    expect(pushed.planned.join("\n")).toMatch(
      /src\/a: 2 steps\n {2}send full @1 \(about 1\.\d MiB\).*\n {2}send @1 → @2/,
    );
  });

  test("one filesystem's failure is not another's", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 3M
      + "src/a@1"
      + "src/b"
      + "src/b@1"`);
    const pushed = await lab.push({ ...cutAfter(MIB, /src\/a@1/), push: { replication: ONE_ATTEMPT } });
    expect(pushed.result).toMatchObject({ matched: 2, done: 1, failed: 1 });
    expect(lab.replicated("src/b")).toEqual(["1"]);
  });
});
