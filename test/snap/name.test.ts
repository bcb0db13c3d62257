import { expect, test } from "vitest";
import { snapshotName } from "../../src/snap/name.ts";

test("a snapshot name is prefix and timestamp", () => {
  const common = { prefix: "zrepl_", timestampLocation: "UTC", hooks: [] };
  const periodic = { ...common, type: "periodic", intervalSec: 600, timestampFormat: "dense" } as const;
  const cron = { ...common, type: "cron", cron: "0 * * * *", timestampFormat: "unix-seconds" } as const;
  expect(snapshotName(periodic, 1_715_721_383)).toBe("zrepl_20240514_211623_000");
  expect(snapshotName(cron, 1_715_721_383)).toBe("zrepl_1715721383");
});
