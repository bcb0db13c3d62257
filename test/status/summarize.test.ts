import { describe, expect, test } from "vitest";
import type { FilesystemStatus } from "../../src/report/status-events.ts";
import { failedJob, summarizeJob } from "../../src/status/summarize.ts";
import { cursorName, lastReceivedHoldTag, stepHoldTag } from "../../src/zfs/abstraction.ts";
import { SENDER_JOB, state } from "../replicate/states.ts";
import { DAY, HOUR, jobOf, NOW, snapJob, type ViewOptions, viewOf } from "./views.ts";

const at = (ageSec: number) => NOW - ageSec;

async function only(options: ViewOptions): Promise<FilesystemStatus> {
  const { filesystems } = summarizeJob(await viewOf(options), NOW);
  const [status] = filesystems;
  if (status === undefined || filesystems.length !== 1) throw new Error(`${filesystems.length} filesystems`);
  return status;
}

describe("both sides", () => {
  const A = `@a,1,${at(3 * DAY)}`;
  const B = `@b,2,${at(2 * DAY)}`;
  const C = `@c,3,${at(DAY)}`;
  const OWN = `@own,9,${at(HOUR)}`;

  test.each`
    name                              | sender                        | receiver            | health       | problem                          | lag                                       | days
    ${"the same"}                     | ${`${A} ${B}`}                | ${`${A} ${B}`}      | ${"ok"}      | ${undefined}                     | ${{ snapshots: 0, seconds: 0, bytes: 0 }} | ${".bb.."}
    ${"one is missing"}               | ${`${A} ${B} ${C}`}           | ${`${A} ${B}`}      | ${"behind"}  | ${undefined}                     | ${{ snapshots: 1, seconds: DAY }}         | ${".bbs."}
    ${"two are missing"}              | ${`${A} ${B} ${C}`}           | ${A}                | ${"behind"}  | ${undefined}                     | ${{ snapshots: 2, seconds: 2 * DAY }}     | ${".bss."}
    ${"old ones are kept over there"} | ${C}                          | ${`${A} ${B} ${C}`} | ${"ok"}      | ${undefined}                     | ${{ snapshots: 0, seconds: 0, bytes: 0 }} | ${".rrb."}
    ${"a bookmark is common"}         | ${`#a,1,${at(3 * DAY)} ${B}`} | ${A}                | ${"behind"}  | ${undefined}                     | ${{ snapshots: 1, seconds: DAY }}         | ${".rs.."}
    ${"nothing there, newest goes"}   | ${`${A} ${B} ${C}`}           | ${undefined}        | ${"behind"}  | ${undefined}                     | ${{ snapshots: 1 }}                       | ${".sss."}
    ${"diverged"}                     | ${`${A} ${B}`}                | ${`${A} ${OWN}`}    | ${"failed"}  | ${/^diverged: .* 1 snapshot/}    | ${{ snapshots: 1, seconds: DAY }}         | ${".bs.r"}
    ${"nothing in common"}            | ${`${B} ${C}`}                | ${A}                | ${"failed"}  | ${/^no common snapshot/}         | ${{ snapshots: 2 }}                       | ${".rss."}
    ${"no snapshots"}                 | ${""}                         | ${undefined}        | ${"warning"} | ${/^no snapshots on the sender/} | ${{ snapshots: 0, bytes: 0 }}             | ${"....."}
  `("$name", async ({ sender, receiver, health, problem, lag, days }) => {
    const status = await only({
      sender: [state("tank/a", sender)],
      receiver: receiver === undefined ? [] : [state("tank/a", receiver)],
    });
    expect(status.health).toBe(health);
    if (problem === undefined) expect(status).not.toHaveProperty("problem");
    else expect(status.problem).toMatch(problem);
    expect(status.lag).toEqual(lag);
    expect(status.days.slice(-5)).toBe(days);
    expect(status.days).toHaveLength(30);
  });

  test("a conflict comes with its explanation, in the receiver's names", async () => {
    const status = await only({
      sender: [state("tank/a", `${A} ${B}`)],
      receiver: [state("tank/a", `${A} ${OWN}`)],
    });
    expect(status.explanation.join("\n")).toContain("zfs rollback -r back/c/tank/a@a");
  });

  test("what is behind has a size where the sender is here", async () => {
    const sizes = new Map([
      ["tank/a@b", { writtenBytes: 10, referencedBytes: 100 }],
      ["tank/a@c", { writtenBytes: 5, referencedBytes: 105 }],
    ]);
    const sender = [state("tank/a", `${A} ${B} ${C}`)];
    const more = await only({ sender, receiver: [state("tank/a", A)], sizes });
    expect(more.lag?.bytes).toBe(15);
    expect((await only({ sender, receiver: [], sizes })).lag?.bytes).toBe(105);
  });

  test("only chosen snapshots count", async () => {
    const job = await jobOf({ replication: { snapshots: { include: ["^[ab]$"] } } });
    const status = await only({
      job,
      sender: [state("tank/a", `${A} ${B} ${C}`)],
      receiver: [state("tank/a", `${A} ${B}`)],
    });
    expect(status).toMatchObject({
      health: "ok",
      lag: { snapshots: 0 },
      sender: { snapshots: 3, newest: { name: "c" } },
    });
  });

  test("a policy that will resolve a divergence is worth a look", async () => {
    const job = await jobOf({ conflict_resolution: { diverged: "rollback" } });
    const status = await only({
      job,
      sender: [state("tank/a", `${A} ${B}`)],
      receiver: [state("tank/a", `${A} ${OWN}`)],
    });
    expect(status).toMatchObject({
      health: "warning",
      problem: expect.stringContaining("rolls the receiver back to @a"),
    });
  });

  test("a policy that forbids to send is a failure", async () => {
    const refused = state("tank/a", `${A} ${B}`, { refusal: "not encrypted" });
    expect(await only({ sender: [refused], receiver: [] })).toMatchObject({
      health: "failed",
      problem: "not encrypted",
    });
  });

  test("placeholders are left out", async () => {
    const placeholder = state("tank", "", { isPlaceholder: true });
    const view = await viewOf({ sender: [placeholder, state("tank/a", A)], receiver: [state("tank/a", A)] });
    const { filesystems } = summarizeJob(view, NOW);
    expect(filesystems.map(({ filesystem }) => filesystem)).toEqual(["tank/a"]);
  });

  describe("an interrupted transfer", () => {
    const token = { toName: "tank/a@b", toGuid: "2", fromGuid: "1", bytes: 30, remainingBytes: 70, raw: false };
    const sides = {
      sender: [state("tank/a", `${A} ${B}`)],
      receiver: [state("tank/a", A, { resumeToken: "1-abc" })],
    };

    test("goes on", async () => {
      const status = await only({ ...sides, tokens: new Map([["tank/a", token]]) });
      expect(status).toMatchObject({ health: "behind", lag: { snapshots: 1, bytes: 70 } });
      expect(status.interrupted).toEqual({ token: "1-abc", to: "b", bytes: 30, totalBytes: 100 });
    });

    test("is dead", async () => {
      const status = await only({ ...sides, tokens: new Map([["tank/a", { ...token, toGuid: "77" }]]) });
      expect(status).toMatchObject({ health: "warning", problem: expect.stringContaining("can't go on") });
      expect(status.interrupted?.deadReason).toContain("77");
    });

    test("is corrupt", async () => {
      const status = await only({ ...sides, tokens: new Map([["tank/a", undefined]]) });
      expect(status).toMatchObject({ health: "warning", interrupted: { bytes: 0, deadReason: /corrupt/ } });
    });

    test("is none while it runs, nor is anything else odd then", async () => {
      const running = [{ filesystem: "tank/a", to: "@b", step: 1, steps: 1, bytes: 41, totalBytes: 100 }];
      const activity = {
        ...{ pid: 7, command: "zrepl-run push", sinceSec: NOW - 90, phase: "replicate" as const },
        ...{ stepsDone: 2, steps: 7, bytesDone: 0, running },
      };
      const view = await viewOf({ ...sides, tokens: new Map([["tank/a", token]]), running: [activity] });
      const { job, filesystems } = summarizeJob(view, NOW);
      expect(filesystems[0]).toMatchObject({ health: "running" });
      expect(filesystems[0]).not.toHaveProperty("interrupted");
      expect(job.health).toBe("running");
      expect(job.summary).toContain("replicating since 1m30s (pid 7), step 3 of 7, 41 % of tank/a @b");
    });
  });

  test("holds: whose they are, and the one that has to stay", async () => {
    const tags = (...names: string[]) => new Map([["a", names]]);
    const status = await only({
      sender: [state("tank/a", A, { holds: tags(stepHoldTag("x"), "keep") })],
      receiver: [state("tank/a", A, { holds: tags(lastReceivedHoldTag("y")) })],
    });
    expect(status.holds.map(({ side, kind, isNeeded }) => `${side} ${kind} ${isNeeded}`)).toEqual([
      "sender step false",
      "sender other false",
      "receiver lastReceived true",
    ]);
  });
});

describe("one side", () => {
  const GUID = 5;
  const history = `#${cursorName(SENDER_JOB, String(GUID))},${GUID},${at(2 * DAY)} @b,6,${at(DAY)}`;

  test("of a push whose receiver was not seen: the cursor tells", async () => {
    const view = await viewOf({
      sender: [state("tank/a", history)],
      problems: ["the receiver was not seen: no route"],
    });
    const { job, filesystems } = summarizeJob(view, NOW);
    expect(filesystems[0]).toMatchObject({
      ...{ health: "unknown", lag: { snapshots: 1, seconds: DAY } },
      replicated: { by: "cursor", creationSec: at(2 * DAY) },
    });
    expect(job).toMatchObject({ health: "failed", problems: ["the receiver was not seen: no route"] });
  });

  test("of a sink: what it has", async () => {
    const job = await jobOf({ type: "sink", name: "k", root_fs: "b", serve: { type: "local", listener_name: "l" } });
    const status = await only({ job, receiver: [state("c/tank/a", `@a,1,${at(DAY)}`)] });
    expect(status).toMatchObject({ health: "ok", receiver: { snapshots: 1 }, replicated: { name: "a" } });
    expect(status).not.toHaveProperty("sender");
    expect(status).not.toHaveProperty("lag");
  });

  test("of a job that could not be seen at all", async () => {
    const { job } = failedJob({ job: await jobOf(), running: [] }, "zfs is not there");
    expect(job).toMatchObject({ health: "failed", problems: ["zfs is not there"], counts: { total: 0 } });
  });
});

describe("when the next snapshot is due", () => {
  const periodic = { type: "periodic", interval: "1h", prefix: "z_" };

  test.each`
    name                               | history                                 | due                 | health       | problem
    ${"later"}                         | ${`@z_1,1,${at(600)}`}                  | ${NOW + 3000}       | ${"ok"}      | ${undefined}
    ${"now"}                           | ${`@z_1,1,${at(HOUR + 5)}`}             | ${NOW - 5}          | ${"ok"}      | ${undefined}
    ${"long ago"}                      | ${`@z_1,1,${at(3 * HOUR)}`}             | ${NOW - 2 * HOUR}   | ${"warning"} | ${"a snapshot is overdue for 2h00m"}
    ${"others do not count"}           | ${`@z_1,1,${at(3 * HOUR)} @x,2,${NOW}`} | ${NOW - 2 * HOUR}   | ${"warning"} | ${"a snapshot is overdue for 2h00m"}
    ${"there is none with the prefix"} | ${`@x,2,${NOW}`}                        | ${NOW}              | ${"ok"}      | ${undefined}
    ${"none at all"}                   | ${""}                                   | ${NOW}              | ${"warning"} | ${"no snapshots"}
    ${"a clock was wrong"}             | ${`@z_1,1,${NOW + DAY}`}                | ${NOW + DAY + HOUR} | ${"warning"} | ${/in the future/}
  `("$name", async ({ history, due, health, problem }) => {
    const status = await only({ job: await snapJob(periodic), sender: [state("tank/a", history)] });
    expect(status).toMatchObject({ nextDueSec: due, health });
    if (problem === undefined) expect(status).not.toHaveProperty("problem");
    else expect(status.problem).toMatch(problem);
  });

  test("by cron", async () => {
    const job = await snapJob({ type: "cron", cron: "CRON_TZ=UTC 0 * * * *", prefix: "z_" });
    const status = await only({ job, sender: [state("tank/a", `@z_1,1,${at(600)}`)] });
    expect(status.nextDueSec).toBe(NOW);
  });

  test("manual: never", async () => {
    const status = await only({
      job: await snapJob({ type: "manual" }),
      sender: [state("tank/a", `@z_1,1,${at(99 * DAY)}`)],
    });
    expect(status).not.toHaveProperty("nextDueSec");
  });
});

test("worst first, then what lags most, then by name", async () => {
  const both = (name: string, sender: string, receiver: string) =>
    [state(name, sender), state(name, receiver)] as const;
  const pairs = [
    both("tank/ok", "@a,1", "@a,1"),
    both("tank/little", "@a,1,0 @b,2,10", "@a,1"),
    both("tank/b much", "@a,1,0 @b,2,99", "@a,1"),
    both("tank/a much", "@a,1,0 @b,2,99", "@a,1"),
    both("tank/diverged", "@a,1 @b,2", "@a,1 @c,3"),
  ];
  const view = await viewOf({ sender: pairs.map(([s]) => s), receiver: pairs.map(([, r]) => r) });
  const { job, filesystems } = summarizeJob(view, NOW);
  expect(filesystems.map(({ filesystem }) => filesystem)).toEqual(
    ["diverged", "a much", "b much", "little", "ok"].map((name) => `tank/${name}`),
  );
  expect(job).toMatchObject({ health: "failed", counts: { failed: 1, behind: 3, ok: 1, total: 5 } });
  expect(job.summary).toMatch(/^1 failed, 3 behind, 1 ok of 5 filesystems; newest snapshot /);
});
