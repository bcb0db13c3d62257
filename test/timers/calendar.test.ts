import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { nextFireSec } from "../../src/snap/cron.ts";
import { cronCalendars, cronFields, intervalCalendar, intervalCron } from "../../src/timers/calendar.ts";

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!hasSystemd) process.stderr.write("skipped: what systemd makes of calendar expressions (Debian package systemd)\n");

/** The next times of a calendar expression after a time, by systemd itself. */
function systemdTimes(calendar: string, afterSec: number, count: number): number[] {
  const { stdout, stderr, status } = spawnSync(
    "systemd-analyze",
    ["calendar", `--iterations=${count}`, `--base-time=@${afterSec}`, calendar],
    { encoding: "utf8", env: { ...process.env, TZ: "UTC", LC_ALL: "C" } },
  );
  if (status !== 0) throw new Error(stderr);
  const lines = stdout.matchAll(/(?:Next elapse|Iter(?:\.|ation) #\d+): \w+ (\d{4}-\d\d-\d\d) ([\d:]+) UTC/g);
  return [...lines].map(([, day, time]) => Date.parse(`${day}T${time}Z`) / 1000);
}

function cronTimes(expression: string, afterSec: number, count: number): number[] {
  const times: number[] = [];
  for (let at: number | undefined = afterSec; times.length < count; times.push(at)) {
    at = nextFireSec(expression, at, "UTC");
    if (at === undefined) break;
  }
  return times;
}

describe("an interval", () => {
  test.each([
    [10, "*-*-* *:*:0/10"],
    [60, "*-*-* *:*:00"],
    [600, "*-*-* *:0/10:00"],
    [3600, "*-*-* *:00:00"],
    [6 * 3600, "*-*-* 0/6:00:00"],
    [86_400, "*-*-* 00:00:00"],
    [7 * 86_400, "Mon *-*-* 00:00:00"],
    [45 * 60, undefined],
    [90, undefined],
    [5 * 3600, undefined],
  ])("of %d seconds has the round times %j", (sec, calendar) => {
    expect(intervalCalendar(sec)).toBe(calendar);
  });

  test.skipIf(!hasSystemd).each([10, 60, 120, 600, 1800, 3600, 6 * 3600, 86_400, 7 * 86_400])(
    "of %d seconds is that long for systemd",
    (sec) => {
      const times = systemdTimes(intervalCalendar(sec) ?? "", 1_790_000_000, 40);
      expect(times).toHaveLength(40);
      for (const [i, time] of times.slice(1).entries()) expect(time - (times[i] ?? 0)).toBe(sec);
    },
  );

  test.each([
    [10, "* * * * *"],
    [600, "*/10 * * * *"],
    [45 * 60, "*/15 * * * *"],
    [90 * 60, "*/30 * * * *"],
    [3600, "0 * * * *"],
    [5 * 3600, "0 * * * *"],
    [6 * 3600, "0 */6 * * *"],
    [86_400, "0 0 * * *"],
    [14 * 86_400, "0 0 * * 1"],
  ])("of %d seconds is %j for cron, which has no others", (sec, fields) => {
    expect(intervalCron(sec)).toBe(fields);
  });
});

describe("a cron expression", () => {
  const expressions = [
    "*/15 * * * *",
    "0 3 * * *",
    "30 2 * * 1-5",
    "0 0 1,15 * 5", // this day or that weekday
    "0 0 */2 * 1", // not a star: or
    "15,45 8-18/2 * * mon-fri",
    "*/20 */5 * * * *", // with seconds
    "5 4 31 * *",
    "0 0 29 2 ?",
    "59 23 * dec sun",
  ];

  test.skipIf(!hasSystemd).each(expressions)("%j fires when systemd does", (expression) => {
    const startSec = 1_790_000_123;
    const calendars = cronCalendars(expression);
    const times = calendars.flatMap((calendar) => systemdTimes(calendar, startSec, 12));
    const first = [...new Set(times)].sort((a, b) => a - b).slice(0, 12);
    expect(first.length).toBeGreaterThan(0);
    expect(first).toEqual(cronTimes(expression, startSec, first.length));
  });

  test("keeps its zone", () => {
    expect(cronCalendars("TZ=Europe/Berlin 0 3 * * *")).toEqual(["*-*-* 03:00:00 Europe/Berlin"]);
    expect(cronFields("CRON_TZ=Asia/Tokyo 0 3 ? * *")).toEqual({ fields: "0 3 * * *", zone: "Asia/Tokyo" });
  });

  test("loses its seconds in a crontab", () => {
    expect(cronFields("30 */5 * * * *").fields).toBe("*/5 * * * *");
  });
});
