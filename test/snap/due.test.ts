import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Snapshotting } from "../../src/config/config.ts";
import { isDue } from "../../src/snap/due.ts";
import { versions } from "../versions.ts";

const common = { prefix: "z_", timestampFormat: "dense", timestampLocation: "UTC", hooks: [] };
const every10Min: Snapshotting = { ...common, type: "periodic", intervalSec: 600 };
const hourly: Snapshotting = { ...common, type: "cron", cron: "0 * * * *" };
const options = { slackSec: 5, location: "UTC" };

/** `a: @z_1,1,100 | b: @z_1,2,200` → one filesystem per part, the name before the colon. */
function filesystems(text: string) {
  return text
    .split("|")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const [filesystem = "", history = ""] = part.split(": ");
      return { filesystem: filesystem.trim(), versions: versions(history) };
    });
}

describe("periodic, every 600 s", () => {
  test.each`
    what                                         | state                               | now     | outcome     | next         | late
    ${"no snapshot anywhere"}                    | ${"a: | b: "}                       | ${1000} | ${"due"}    | ${1600}      | ${[]}
    ${"no filesystem"}                           | ${""}                               | ${1000} | ${"due"}    | ${1600}      | ${[]}
    ${"only foreign snapshots"}                  | ${"a: @manual,1,990"}               | ${1000} | ${"due"}    | ${1600}      | ${[]}
    ${"a bookmark is no snapshot"}               | ${"a: #z_1,1,990"}                  | ${1000} | ${"due"}    | ${1600}      | ${[]}
    ${"interval not over"}                       | ${"a: @z_1,1,500"}                  | ${1000} | ${"notDue"} | ${1100}      | ${undefined}
    ${"interval just over"}                      | ${"a: @z_1,1,400"}                  | ${1000} | ${"due"}    | ${1600}      | ${["a"]}
    ${"within the slack"}                        | ${"a: @z_1,1,405"}                  | ${1000} | ${"due"}    | ${1600}      | ${["a"]}
    ${"just outside the slack"}                  | ${"a: @z_1,1,406"}                  | ${1000} | ${"notDue"} | ${1006}      | ${undefined}
    ${"the oldest of the newest decides"}        | ${"b: @z_2,2,900 | a: @z_1,1,300"}  | ${1000} | ${"due"}    | ${1600}      | ${["a"]}
    ${"one without snapshots waits"}             | ${"a: | b: @z_1,1,900"}             | ${1000} | ${"notDue"} | ${1500}      | ${undefined}
    ${"createtxg tells which is newest"}         | ${"a: @z_2,9,100 @z_1,1,900"}       | ${1000} | ${"due"}    | ${1600}      | ${["a"]}
    ${"from the future: error"}                  | ${"a: @z_1,1,1006"}                 | ${1000} | ${"error"}  | ${undefined} | ${undefined}
    ${"within the slack of now is not future"}   | ${"a: @z_1,1,1005"}                 | ${1000} | ${"notDue"} | ${1605}      | ${undefined}
    ${"one from the future, the others decide"}  | ${"a: @z_1,1,2000 | b: @z_1,2,300"} | ${1000} | ${"due"}    | ${1600}      | ${["b"]}
    ${"one from the future, the other has none"} | ${"a: @z_1,1,2000 | b: "}           | ${1000} | ${"due"}    | ${1600}      | ${[]}
  `("$what: $outcome", ({ state, now, outcome, next, late }) => {
    const decision = isDue(every10Min, filesystems(state), now, options);
    expect(decision).toMatchObject({ outcome, nextDueSec: next });
    expect("late" in decision ? decision.late : undefined).toEqual(late);
  });
});

describe("cron, on the hour", () => {
  test.each`
    what                                            | state                                | now      | outcome     | next
    ${"no snapshot yet"}                            | ${"a: "}                             | ${1000}  | ${"due"}    | ${3600}
    ${"no fire time since"}                         | ${"a: @z_1,1,3610"}                  | ${7190}  | ${"notDue"} | ${7200}
    ${"a fire time since"}                          | ${"a: @z_1,1,3610"}                  | ${7200}  | ${"due"}    | ${10800}
    ${"timer a little early"}                       | ${"a: @z_1,1,3610"}                  | ${7196}  | ${"due"}    | ${10800}
    ${"an early snapshot counts for its fire time"} | ${"a: @z_1,1,7196"}                  | ${7205}  | ${"notDue"} | ${10800}
    ${"many missed, one round"}                     | ${"a: @z_1,1,3610"}                  | ${90001} | ${"due"}    | ${93600}
    ${"one filesystem is behind"}                   | ${"a: @z_1,1,3610 | b: @z_2,2,7201"} | ${7300}  | ${"due"}    | ${10800}
  `("$what: $outcome", ({ state, now, outcome, next }) => {
    expect(isDue(hourly, filesystems(state), now, options)).toMatchObject({ outcome, nextDueSec: next });
  });

  test("a schedule that never fires is due only for the first snapshot", () => {
    const never: Snapshotting = { ...common, type: "cron", cron: "0 0 30 2 *" };
    expect(isDue(never, filesystems("a: "), 1000, options).outcome).toBe("due");
    expect(isDue(never, filesystems("a: @z_1,1,1"), 1000, options)).toMatchObject({
      outcome: "notDue",
      nextDueSec: undefined,
    });
  });
});

test("manual is never due", () => {
  const decision = isDue({ type: "manual" }, filesystems("a: "), 1000, options);
  expect(decision).toEqual({
    outcome: "notDue",
    reason: "snapshotting is manual",
    nextDueSec: undefined,
    problems: [],
  });
});

test("reasons name the filesystems", () => {
  const reason = (state: string) => isDue(every10Min, filesystems(state), 1000, options).reason;
  expect(reason("a: ")).toBe("no filesystem has a snapshot with prefix z_");
  expect(reason("b: @z_1,1,1 | a: @z_1,2,2 | c: @z_1,3,3")).toBe("the interval is over for a and 2 more");
  expect(reason("a: @z_1,1,999")).toBe("the interval is not over");
  const { problems } = isDue(every10Min, filesystems("a: @z_1,1,9999"), 1000, options);
  expect(problems).toEqual([{ filesystem: "a", problem: expect.stringContaining("@z_1 was created in the future") }]);
});

test.each([every10Min, hourly])("after a round, the next one is due exactly at nextDueSec ($type)", (snapshotting) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (nowSec) => {
      const first = isDue(snapshotting, filesystems("a: "), nowSec, { ...options, slackSec: 0 });
      const next = first.nextDueSec ?? 0;
      const state = filesystems(`a: @z_1,1,${nowSec}`);
      const outcomeAt = (timeSec: number) => isDue(snapshotting, state, timeSec, { ...options, slackSec: 0 }).outcome;
      expect([outcomeAt(next - 1), outcomeAt(next)]).toEqual(["notDue", "due"]);
    }),
  );
});

describe("which filesystems a round takes", () => {
  test.each`
    what                                              | state                                                | take
    ${"all if there is no snapshot at all"}           | ${"a: | b: "}                                        | ${["a", "b"]}
    ${"the late ones"}                                | ${"a: @z_1,1,300 | b: @z_1,2,900"}                   | ${["a"]}
    ${"and those without a snapshot with the prefix"} | ${"a: @z_1,1,300 | b: @other,2,999 | c: @z_1,3,900"} | ${["a", "b"]}
    ${"and those whose newest is in the future"}      | ${"a: @z_1,1,300 | b: @z_1,2,9999"}                  | ${["a", "b"]}
    ${"late within the slack is late"}                | ${"a: @z_1,1,300 | b: @z_1,2,404"}                   | ${["a", "b"]}
  `("$what", ({ state, take }) => {
    const decision = isDue(every10Min, filesystems(state), 1000, options);
    expect("take" in decision && [...decision.take]).toEqual(take);
  });
});
