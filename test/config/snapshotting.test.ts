import { describe, expect, test } from "vitest";
import { load, problemsOf, snapJob } from "./files.ts";

function problems(snapshotting: string): Promise<readonly string[]> {
  return problemsOf(load(`jobs:${snapJob({ snapshotting })}`));
}

describe("cron lines (§2.16)", () => {
  test.each([
    '"* * * * *"',
    '"0-10 * * * *"',
    '"* 0-5,8,12 * * *"',
    "0 4 * * *",
    '"0 0 4 * * *"',
    '"*/5 4 ? JAN-MAR MON,wed"',
    '"5/15 * * * *"',
  ])("%s is accepted", async (cron) => {
    expect(await problems(`{type: cron, prefix: a, cron: ${cron}}`)).toEqual([]);
  });

  test.each([
    '"* * * *"',
    '""',
    "23",
    '"@reboot"',
    '"@every 1h30m"',
    '"@daily"',
    '"60 * * * *"',
    '"* * * * 7"',
    '"0 0 0 0 0 0 0"',
    '"a * * * *"',
  ])("%s is refused", async (cron) => {
    const found = await problems(`{type: cron, prefix: a, cron: ${cron}}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(": jobs[0].snapshotting.cron: ");
  });
});

describe("timestamp formats (§2.16)", () => {
  test.each([
    ["dense", "UTC"],
    ["DENSE", "UTC"],
    ["human", "UTC"],
    ["iso-8601", "UTC"],
    ["iso-8601", "Europe/Berlin"],
    ["unix-seconds", "UTC"],
    ["2006-01-02_15:04:05", "Local"],
    ['"2006-01-02_15:04:05-07:00:00"', "Europe/Berlin"],
  ])("%s in %s is accepted", async (format, location) => {
    expect(
      await problems(
        `{type: periodic, prefix: a, interval: 1h, timestamp_format: ${format}, timestamp_location: ${location}}`,
      ),
    ).toEqual([]);
  });

  test.each([
    ["dense", "Europe/Berlin", "timestamp_format", "format string requires UTC location"],
    ["Human", "Local", "timestamp_format", "format string requires UTC location"],
    ["unix-seconds", "Asia/Tokyo", "timestamp_format", "format string requires UTC location"],
    ["2006+01", "UTC", "timestamp_format", "+"],
    ["2006/01", "UTC", "timestamp_format", "invalid snapshot name"],
    ["iso-8601", "Nowhere/Land", "timestamp_format", "unknown time zone"],
  ])("%s in %s is refused", async (format, location, key, reason) => {
    const found = await problems(
      `{type: periodic, prefix: a, interval: 1h, timestamp_format: ${format}, timestamp_location: ${location}}`,
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`: jobs[0].snapshotting.${key}: `);
    expect(found[0]).toContain(reason);
  });

  test("a prefix that makes no snapshot name is blamed itself", async () => {
    const found = await problems(`{type: periodic, prefix: a/b, interval: 1h, timestamp_format: human}`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(": jobs[0].snapshotting.prefix: ");
  });
});

describe("job names (§3.1)", () => {
  test.each(["validjobname", "valid with spaces", "a.b:c-d_e", "a".repeat(202)])("%s is accepted", async (name) => {
    expect(await problemsOf(load(`jobs:${snapJob({ name })}`))).toEqual([]);
  });

  test.each([
    '"with\\ttab"',
    '"with#hash"',
    '"with@at"',
    "with/slash",
    "/",
    "withnewline\\nmiddle",
    ".",
    "..",
    "_internal_job",
    "ä",
    "a".repeat(211),
  ])("%s is refused", async (name) => {
    const found = await problemsOf(load(`jobs:${snapJob({ name })}`));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(": jobs[0].name: job name ");
  });
});
