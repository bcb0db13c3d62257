import { describe, expect, test } from "vitest";
import type { Monitoring } from "../../src/config/config.ts";
import type { CheckState } from "../../src/report/status-events.ts";
import { checkJob } from "../../src/status/check.ts";
import { renderNagios } from "../../src/status/nagios.ts";
import { summarizeJob } from "../../src/status/summarize.ts";
import { lastReceivedHoldTag, stepHoldTag } from "../../src/zfs/abstraction.ts";
import { state } from "../replicate/states.ts";
import { DAY, HOUR, jobOf, NOW, snapJob, type ViewOptions, viewOf } from "./views.ts";

const at = (ageSec: number) => NOW - ageSec;

async function check(view: ViewOptions, monitoring: Monitoring, side?: "sender" | "receiver") {
  const summary = summarizeJob(await viewOf(view), NOW);
  return checkJob(summary, { monitoring, side, nowSec: NOW });
}

async function alarms(...args: Parameters<typeof check>): Promise<string[]> {
  return (await check(...args)).findings.map(({ state: what, message }) => `${what} ${message}`);
}

const LIMITS = { warn: HOUR, crit: 2 * HOUR };
const sender = [state("tank/a", `@a,1,${at(3 * HOUR)} @b,2,${at(HOUR + 60)}`)];
const receiver = [state("tank/a", `@a,1,${at(3 * HOUR)}`)];

describe("thresholds", () => {
  test.each`
    monitoring                                    | side          | found
    ${{ newestSec: { warn: 2 * HOUR } }}          | ${"sender"}   | ${[]}
    ${{ newestSec: { warn: HOUR + 60 } }}         | ${"sender"}   | ${[]}
    ${{ newestSec: LIMITS }}                      | ${"sender"}   | ${["WARNING newest snapshot on the sender is 1h01m old, more than 1h00m"]}
    ${{ newestSec: { crit: HOUR } }}              | ${"sender"}   | ${["CRITICAL newest snapshot on the sender is 1h01m old, more than 1h00m"]}
    ${{ newestSec: LIMITS }}                      | ${"receiver"} | ${["CRITICAL newest snapshot on the receiver is 3h00m old, more than 2h00m"]}
    ${{ oldestSec: LIMITS }}                      | ${"sender"}   | ${["CRITICAL oldest snapshot on the sender is 3h00m old, more than 2h00m"]}
    ${{ count: { warn: 1, crit: 2 } }}            | ${undefined}  | ${["WARNING has 2 snapshots on the sender, more than 1"]}
    ${{ lagSec: { warn: HOUR, crit: 3 * HOUR } }} | ${undefined}  | ${["WARNING replication lags by 1h59m, more than 1h00m"]}
    ${{ lagSec: { warn: 2 * HOUR } }}             | ${undefined}  | ${[]}
  `("$monitoring on $side: $found", async ({ monitoring, side, found }) => {
    expect(await alarms({ sender, receiver }, monitoring, side)).toEqual(found);
  });

  test("what is not there is critical, where somebody asks for it", async () => {
    const none = { sender: [state("tank/a", "")], receiver: [] };
    expect(await alarms(none, { newestSec: LIMITS })).toContain("CRITICAL has no snapshot on the sender");
    const never = { sender, receiver: [] };
    expect(await alarms(never, { lagSec: LIMITS })).toEqual(["CRITICAL was never replicated"]);
    expect(await alarms(never, { newestSec: { crit: DAY } }, "receiver")).toEqual(["CRITICAL is not on the receiver"]);
  });

  test("a conflict is critical whatever the numbers are", async () => {
    const diverged = [state("tank/a", `@a,1,${at(3 * HOUR)} @own,9,${at(1)}`)];
    const found = await alarms({ sender, receiver: diverged }, { newestSec: { crit: DAY } });
    expect(found).toEqual([expect.stringMatching(/^CRITICAL diverged/)]);
  });

  test("holds that were left behind, but not the base", async () => {
    const tags = new Map([["a", [stepHoldTag("j"), "somebody's"]]]);
    const held = [state("tank/a", `@a,1,${at(3 * DAY)}`, { holds: tags })];
    const base = [state("tank/a", `@a,1,${at(3 * DAY)}`, { holds: new Map([["a", [lastReceivedHoldTag("k")]]]) })];
    expect(await alarms({ sender: held, receiver: base }, { staleHoldSec: 2 * DAY })).toEqual([
      "WARNING hold zrepl_STEP_J_j is still on @a (sender)",
    ]);
    expect(await alarms({ sender: held, receiver: base }, { staleHoldSec: 4 * DAY })).toEqual([]);
  });
});

test("what was not seen is unknown", async () => {
  const found = await alarms({ sender, problems: ["the receiver was not seen: gone"] }, { newestSec: { crit: DAY } });
  expect(found).toEqual(["UNKNOWN the receiver was not seen: gone"]);
  expect(await alarms({ sender: [], receiver: [] }, { newestSec: LIMITS })).toEqual([
    "UNKNOWN there is no filesystem to look at",
  ]);
  const job = await snapJob({ type: "manual" });
  expect(await alarms({ job, sender }, { lagSec: LIMITS })).toEqual(["UNKNOWN a snap job does not know of any lag"]);
});

test("a sink is watched by itself", async () => {
  const job = await jobOf({ type: "sink", name: "k", root_fs: "b", serve: { type: "local", listener_name: "l" } });
  expect(await alarms({ job, receiver }, { newestSec: LIMITS })).toEqual([
    "CRITICAL newest snapshot on the receiver is 3h00m old, more than 2h00m",
  ]);
});

test("metrics are the worst of all filesystems", async () => {
  const two = [...sender, state("tank/b", `@x,3,${at(5 * HOUR)}`)];
  const { metrics } = await check({ sender: two, receiver }, { newestSec: LIMITS }, "sender");
  expect(metrics.map(({ label, value }) => `${label} ${value}`)).toEqual([
    "push filesystems 2",
    `push sender newest ${5 * HOUR}`,
    `push sender oldest ${5 * HOUR}`,
    "push sender count 2",
    `push lag ${2 * HOUR - 60}`,
  ]);
});

describe("the plug-in's output", () => {
  const finding = (what: CheckState, message = "m") => ({ state: what, job: "j", filesystem: "f", message });
  const metric = { label: "j lag", value: 5, unit: "s" as const, warn: 7 };

  test.each`
    states                                | state         | exitCode
    ${[]}                                 | ${"OK"}       | ${0}
    ${["WARNING"]}                        | ${"WARNING"}  | ${1}
    ${["WARNING", "UNKNOWN"]}             | ${"UNKNOWN"}  | ${3}
    ${["WARNING", "CRITICAL", "UNKNOWN"]} | ${"CRITICAL"} | ${2}
  `("$states is $state", ({ states, state: expected, exitCode }) => {
    const result = renderNagios(
      states.map((what: CheckState) => finding(what)),
      [metric],
    );
    expect(result).toMatchObject({ state: expected, exitCode });
    expect(result.text).toMatch(new RegExp(`^${expected}: `));
  });

  test("one line with the worst, details, and performance data behind the first line", () => {
    const { text } = renderNagios([finding("WARNING", "old"), finding("CRITICAL", "a|b\nc")], [metric]);
    expect(text).toBe("CRITICAL: j: f: a/b?c; 1 more | 'j lag'=5s;7;;0;\nCRITICAL: j: f: a/b?c\nWARNING: j: f: old");
  });

  test("all is well", () => {
    expect(renderNagios([], [metric]).text).toBe("OK: j lag 5s | 'j lag'=5s;7;;0;");
  });
});
