/**
 * What the services of `zrepl-run systemd` take away, as far as it can be taken away without systemd: all capabilities but those of
 * CapabilityBoundingSet, new privileges, writing to the root filesystem (ProtectSystem), the host's mount namespace.
 */
import { execa } from "execa";
import { expect, test } from "vitest";
import { hardening } from "../../src/timers/hardening.ts";
import { zfs } from "./pool.ts";
import { PUSH_JOB, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();
const PROGRAM = new URL("../../bin/zrepl-run.js", import.meta.url).pathname;

/** `+sys_admin,…` of the unit's CapabilityBoundingSet. */
function capabilities(): string {
  const line = hardening({ writable: [] }).find((text) => text.startsWith("CapabilityBoundingSet=")) ?? "";
  return line
    .replace("CapabilityBoundingSet=", "")
    .split(" ")
    .map((name) => `+${name.replace("CAP_", "").toLowerCase()}`)
    .join(",");
}

const PREPARE =
  'mount --make-rslave / && mount --bind / / && mount -o remount,bind,ro / && ! touch /etc/zrepl-run-test 2>/dev/null && exec "$@"';

async function runConfined(site: Site, ...args: string[]): Promise<void> {
  const drop = ["setpriv", "--no-new-privs", "--inh-caps=-all", `--bounding-set=-all,${capabilities()}`];
  const program = [process.execPath, PROGRAM, "-c", site.configFile, ...args];
  const result = await execa("unshare", ["-m", "sh", "-c", PREPARE, "sh", ...drop, ...program], {
    env: { LC_ALL: "C" },
    reject: false,
    stdin: "ignore",
  });
  expect(result.exitCode, result.stderr).toBe(0);
}

test("a confined service snapshots, replicates, prunes, rolls back and sets aside", async () => {
  const site = await newSite({
    push: {
      snapshotting: { type: "periodic", prefix: "auto_", interval: "1s" },
      pruning: { keep_sender: [{ type: "last_n", count: 1 }], keep_receiver: [{ type: "last_n", count: 9 }] },
    },
  });
  await zfs("create", site.fs("a"));
  await site.write("a", "file", 16);
  await zfs("create", "-V", "8M", site.fs("vol"));
  await runConfined(site, "snap", PUSH_JOB);
  await runConfined(site, "push", PUSH_JOB);
  await zfs("snapshot", `${site.replica("a")}@own`);
  await zfs("snapshot", `${site.fs("a")}@2`, `${site.fs("vol")}@2`);
  site.configure({ push: { conflict_resolution: { diverged: "rollback" } } });
  await runConfined(site, "push", PUSH_JOB);
  expect((await snapshotsOf(site.replica("a"))).at(-1)).toBe("2");

  await zfs("snapshot", `${site.replica("vol")}@own`);
  await zfs("snapshot", `${site.fs("a")}@3`, `${site.fs("vol")}@3`);
  const keep = [{ type: "last_n", count: 1 }];
  site.configure({
    push: { conflict_resolution: { diverged: "set_aside" }, pruning: { keep_sender: keep, keep_receiver: keep } },
  });
  await runConfined(site, "push", PUSH_JOB);
  expect(await snapshotsOf(site.replica("vol"))).toContain("3");
  await runConfined(site, "prune", PUSH_JOB);
  expect(await snapshotsOf(site.replica("a"))).toEqual(["3"]);
});
