/** What `--json` prints, by the schema, of the real program. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../src/report/events.ts";
import { eventsOf } from "../report/event-schema.ts";
import { SimulatedSite } from "./site.ts";

const site = new SimulatedSite();

beforeAll(() => site.create());
afterAll(() => site.remove());

type End = Extract<Event, { event: "end" }>;

/** All events of a command, each checked; the last is the summary. */
async function json(...args: string[]): Promise<{ readonly events: Event[]; readonly end: End }> {
  const { exitCode, stdout, stderr } = await site.run([...args, "--json"]);
  const events = eventsOf(String(stdout));
  const ends = events.filter((event): event is End => event.event === "end");
  const [end] = ends;
  if (end === undefined) throw new Error(`no end: ${stdout}\n${stderr}`);
  expect([ends.length, events.at(-1), exitCode]).toEqual([1, end, end.exitCode]);
  return { events, end };
}

const names = (events: readonly Event[]) => [...new Set(events.map(({ event }) => event))];

test("a dry run tells what it would do, and counts it", async () => {
  const { events, end } = await json("run", "push", "snap", "--dry-run");
  expect(end.planned).toMatchObject({ snapshots: 4, destroys: 0 });
  expect(end.counts).toMatchObject({ snapshotsTaken: 0, stepsDone: 0 });
  expect(events[0]).toMatchObject({ event: "start", dryRun: true, v: 1 });
});

test("a run counts snapshots, steps, bytes and destroyed snapshots", async () => {
  const first = await json("run", "push", "snap");
  expect(names(first.events)).toEqual([
    ...["start", "snapshotTaken", "phaseDone", "stepStarted", "stepDone", "jobDone", "end"],
  ]);
  expect(first.end).toMatchObject({ exitCode: 0, counts: { snapshotsTaken: 4, stepsDone: 3, errors: 0 } });
  expect(first.end.counts.bytesReplicated).toBeGreaterThan(6_000_000);

  await json("snap", "push");
  const second = await json("run", "push");
  expect(second.end.counts).toMatchObject({ stepsDone: 3, snapshotsDestroyed: 6 });
  expect(second.events.filter(({ event }) => event === "jobDone")).toMatchObject([{ job: "push", exitCode: 0 }]);
});

test("with --log-level debug, what is run says for which job, filesystem and step", async () => {
  await json("snap", "push");
  const { events } = await json("push", "push", "--log-level", "debug");
  const sends = events.filter((event) => event.event === "log" && /^run zfs send .*data\/a/.test(event.message));
  expect(sends).toMatchObject([{ job: "push", filesystem: "tank/data/a", step: "1/1" }]);
});

describe("the summary is there also", () => {
  test.each`
    when                         | args                                             | exitCode | error
    ${"of a wrong option"}       | ${["push", "push", "--loud"]}                    | ${2}     | ${/loud/}
    ${"of a job not there"}      | ${["push", "nobody"]}                            | ${2}     | ${/nobody/}
    ${"of configcheck"}          | ${["configcheck"]}                               | ${0}     | ${undefined}
    ${"of version"}              | ${["version"]}                                   | ${0}     | ${undefined}
    ${"of test filesystems"}     | ${["test", "filesystems", "push", "--all"]}      | ${0}     | ${undefined}
    ${"of test placeholder"}     | ${["test", "placeholder", "--all"]}              | ${0}     | ${undefined}
    ${"of a token that is none"} | ${["test", "resume-token", "--token", "1-nope"]} | ${1}     | ${/token/}
  `("$when", async ({ args, exitCode, error }) => {
    const { end } = await json(...args);
    expect(end.exitCode).toBe(exitCode);
    if (error === undefined) expect(end.error).toBeUndefined();
    else expect(end.error).toMatch(error);
  });
});

test("filesystems that fail are events, and counted", async () => {
  await site.shell("zfs snapshot back/sink/me/tank/data/a@mine");
  await json("snap", "push");
  const { events, end } = await json("push", "push");
  expect(end).toMatchObject({ exitCode: 3, counts: { filesystemsDone: 2, filesystemsFailed: 1, errors: 1 } });
  expect(events.filter(({ event }) => event === "filesystemFailed")).toMatchObject([
    { filesystem: "tank/data/a", temporary: false },
  ]);
});
