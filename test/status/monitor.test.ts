/** `monitor` as Nagios starts it, on the simulated ZFS. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventsOf } from "../report/event-schema.ts";
import { SimSite } from "./sim-site.ts";

const site = new SimSite();
beforeAll(async () => {
  await site.create();
  const hoursAgo = String(Math.floor(Date.now() / 1000) - 3 * 3600);
  await site.shell("zfs create tank/a; zfs snapshot tank/a@1", { ZREPL_RUN_SIM_NOW: hoursAgo });
  await site.shell("node bin/zrepl-run.js -q push home");
}, 60_000);
afterAll(() => site.remove());

const monitor = (...args: string[]) => site.run(["monitor", ...args]);

test.each`
  args                                                 | exitCode | text
  ${["home", "--newest", "4h,5h"]}                     | ${0}     | ${/^OK: home filesystems 1, .* \| 'home filesystems'=1;;;0; 'home sender newest'=1\d{4}s;14400;18000;0;/}
  ${["home", "--newest", "2h,5h", "--side", "sender"]} | ${1}     | ${/^WARNING: home: tank\/a: newest snapshot on the sender is 3h0\dm old, more than 2h00m \| /}
  ${["home", "--newest", "1h,2h"]}                     | ${2}     | ${/^CRITICAL: home: .*; 1 more \| [^\n]*\nCRITICAL: .*\nCRITICAL: /}
  ${["vault", "--newest", "1h,2h"]}                    | ${2}     | ${/^CRITICAL: vault: c\/tank\/a: newest snapshot on the receiver/}
  ${["vault", "--count", "5,9"]}                       | ${0}     | ${/^OK: /}
  ${["home"]}                                          | ${3}     | ${/^UNKNOWN: job "home" has no thresholds\n/}
  ${["nobody", "--newest", "1h,2h"]}                   | ${3}     | ${/^UNKNOWN: there is no job "nobody"/}
  ${["home", "--newest", "soon"]}                      | ${3}     | ${/^UNKNOWN: --newest: "soon" is not a duration/}
  ${["home", "--newest", "3h,1h"]}                     | ${3}     | ${/^UNKNOWN: .* critical before/}
  ${["home", "--no-such-option"]}                      | ${3}     | ${/^UNKNOWN: /}
  ${["--lag", "1h,2h", "vault"]}                       | ${3}     | ${/^UNKNOWN: vault: a sink job does not know of any lag/}
`("monitor $args: $exitCode", async ({ args, exitCode, text }) => {
  const result = await monitor(...args);
  expect(result.stdout).toMatch(text);
  expect(result.exitCode).toBe(exitCode);
});

test("thresholds of the config, and --all leaves out jobs without any", async () => {
  site.configure({ monitoring: { newest: { warn: "1h" }, stale_hold: "1d" } });
  const { stdout, exitCode } = await monitor("--all");
  expect(stdout).toMatch(/^WARNING: home: tank\/a: newest snapshot/);
  expect(exitCode).toBe(1);
  expect((await monitor("home", "--newest", "1d,2d")).exitCode).toBe(0);
});

test("json", async () => {
  const { stdout, exitCode } = await monitor("home", "--newest", "1h,2h", "--json");
  expect(eventsOf(stdout)).toMatchObject([
    { event: "start" },
    { event: "monitorResult", state: "CRITICAL", exitCode: 2 },
    { event: "end", exitCode: 2 },
  ]);
  expect(exitCode).toBe(2);
});

test("a side that can't be seen is unknown, unless only the other one is wanted", async () => {
  await site.shell("zpool destroy back");
  expect(await monitor("home", "--newest", "4h,5h")).toMatchObject({
    exitCode: 3,
    stdout: expect.stringMatching(/^UNKNOWN: .*not imported/),
  });
});
