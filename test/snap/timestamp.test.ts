import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatGoLayout } from "../../src/snap/go-layout.ts";
import { checkTimestampFormat, formatTimestamp } from "../../src/snap/timestamp.ts";
import { zonedTime } from "../../src/zone.ts";

/** 2024-05-14T21:16:23Z */
const MAY = 1_715_721_383;
/** 2024-01-01T00:00:00Z */
const JANUARY = 1_704_067_200;

describe("formatTimestamp", () => {
  test.each`
    format                            | location              | timeSec        | text
    ${"dense"}                        | ${"UTC"}              | ${MAY}         | ${"20240514_211623_000"}
    ${"DENSE"}                        | ${"UTC"}              | ${MAY + 0.75}  | ${"20240514_211623_000"}
    ${"human"}                        | ${"UTC"}              | ${MAY}         | ${"2024-05-14_21:16:23"}
    ${"iso-8601"}                     | ${"UTC"}              | ${MAY + 0.007} | ${"2024-05-14T21:16:23.007Z"}
    ${"Iso-8601"}                     | ${"Europe/Berlin"}    | ${MAY}         | ${"2024-05-14T23:16:23.000_0200"}
    ${"iso-8601"}                     | ${"America/New_York"} | ${MAY}         | ${"2024-05-14T17:16:23.000-0400"}
    ${"iso-8601"}                     | ${"Europe/London"}    | ${MAY}         | ${"2024-05-14T22:16:23.000_0100"}
    ${"iso-8601"}                     | ${"Europe/London"}    | ${JANUARY}     | ${"2024-01-01T00:00:00.000Z"}
    ${"unix-seconds"}                 | ${"UTC"}              | ${MAY + 0.999} | ${"1715721383"}
    ${"2006-01-02_15:04:05-07:00:00"} | ${"Europe/Berlin"}    | ${MAY}         | ${"2024-05-14_23:16:23_02:00:00"}
    ${"2006-01-02_15:04:05-07"}       | ${"Europe/London"}    | ${JANUARY}     | ${"2024-01-01_00:00:00_00"}
    ${"2006-01-02 MST"}               | ${"Asia/Dubai"}       | ${MAY}         | ${"2024-05-15 _04"}
    ${"Monday_002_pm"}                | ${""}                 | ${MAY}         | ${"Tuesday_135_pm"}
    ${"daily"}                        | ${"UTC"}              | ${MAY}         | ${"daily"}
  `("$format in $location", ({ format, location, timeSec, text }) => {
    expect(formatTimestamp(format, location, timeSec)).toBe(text);
  });

  test("Local is the zone of the process", () => {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    expect(formatTimestamp("15:04 MST", "Local", MAY)).toBe(formatTimestamp("15:04 MST", timeZone, MAY));
  });
});

/** Layout, zone, epoch seconds, what Go 1.26's time.Format printed; the instants include changes of summer time. */
const goVectors: [string, string, number, string][] = JSON.parse(
  readFileSync(new URL("../fixtures/go-time-layouts.json", import.meta.url), "utf8"),
);

test.each(goVectors)("like Go: %j in %s at %d", (layout, zone, timeSec, text) => {
  expect(formatGoLayout(layout, zonedTime(timeSec, zone))).toBe(text);
});

test.each`
  zone                     | january    | july
  ${"UTC"}                 | ${"UTC"}   | ${"UTC"}
  ${"GMT"}                 | ${"GMT"}   | ${"GMT"}
  ${"Europe/Dublin"}       | ${"GMT"}   | ${"IST"}
  ${"Europe/Moscow"}       | ${"MSK"}   | ${"MSK"}
  ${"MET"}                 | ${"MET"}   | ${"MEST"}
  ${"Asia/Tokyo"}          | ${"JST"}   | ${"JST"}
  ${"Japan"}               | ${"JST"}   | ${"JST"}
  ${"Asia/Kathmandu"}      | ${"+0545"} | ${"+0545"}
  ${"America/Sao_Paulo"}   | ${"-03"}   | ${"-03"}
  ${"America/Havana"}      | ${"CST"}   | ${"CDT"}
  ${"Australia/Lord_Howe"} | ${"+11"}   | ${"+1030"}
  ${"Pacific/Pago_Pago"}   | ${"SST"}   | ${"SST"}
`("MST in $zone is $january and $july", ({ zone, january, july }) => {
  expect(formatGoLayout("MST", zonedTime(1_705_276_800, zone))).toBe(january);
  expect(formatGoLayout("MST", zonedTime(1_721_001_600, zone))).toBe(july);
});

describe("checkTimestampFormat", () => {
  test.each`
    format                        | location            | prefix
    ${"dense"}                    | ${"UTC"}            | ${"zrepl_"}
    ${"human"}                    | ${""}               | ${"zrepl_"}
    ${"ISO-8601"}                 | ${"Europe/Berlin"}  | ${"zrepl_"}
    ${"ISO-8601"}                 | ${"Local"}          | ${"zrepl_"}
    ${"Mon 2006-01-02 15.04 MST"} | ${"America/Denver"} | ${"a b:"}
    ${"2006-01-02-0700"}          | ${"Europe/London"}  | ${"zrepl_"}
  `("takes $format in $location", ({ format, location, prefix }) => {
    expect(checkTimestampFormat(format, location, prefix)).toBeUndefined();
  });

  test.each`
    format              | location           | prefix             | problem
    ${"dense"}          | ${"Europe/Berlin"} | ${"zrepl_"}        | ${"format string requires UTC location"}
    ${"Human"}          | ${"Europe/Berlin"} | ${"zrepl_"}        | ${"format string requires UTC location"}
    ${"unix-seconds"}   | ${"Local"}         | ${"zrepl_"}        | ${"format string requires UTC location"}
    ${"2006+01"}        | ${"UTC"}           | ${"zrepl_"}        | ${"'+' is not allowed"}
    ${"dense"}          | ${"Mars/Olympus"}  | ${"zrepl_"}        | ${"unknown time zone"}
    ${"iso-8601"}       | ${"+01:00"}        | ${"zrepl_"}        | ${"unknown time zone"}
    ${""}               | ${"UTC"}           | ${"zrepl_"}        | ${"the format is empty"}
    ${"2006/01/02"}     | ${"UTC"}           | ${"zrepl_"}        | ${"invalid snapshot name"}
    ${"2006 -0700 MST"} | ${"Asia/Dubai"}    | ${"zrepl_"}        | ${"invalid snapshot name"}
    ${"dense"}          | ${"UTC"}           | ${"zrepl@"}        | ${"invalid snapshot name"}
    ${"dense"}          | ${"UTC"}           | ${"x".repeat(240)} | ${"longer than 255 bytes"}
  `("refuses $format in $location after $prefix", ({ format, location, prefix, problem }) => {
    expect(checkTimestampFormat(format, location, prefix)).toContain(problem);
  });
});
