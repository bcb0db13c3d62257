/** What `zrepl-run systemd` writes, as systemd judges it. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { hardening } from "../../src/timers/hardening.ts";
import { EVERY_TEN_MINUTES, escapeUnitName, serviceUnit, timerText } from "../../src/timers/plan.ts";
import { makeTimers, type TimerOptions } from "../../src/timers/run.ts";

/** `systemd-analyze security`: 0 is locked up, 10 is all open; 9.6 without any of our lines. */
const EXPOSURE = 3.0;

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!hasSystemd) process.stderr.write("skipped: what systemd makes of our units (Debian package systemd)\n");

const dir = mkdtempSync(join(tmpdir(), "zrepl-run-timers-"));
afterAll(() => rmSync(dir, { recursive: true }));
const units = join(dir, "units");
const program = join(dir, "zrepl-run");
writeFileSync(program, "#!/bin/sh\n");
chmodSync(program, 0o755);
beforeEach(() => rmSync(units, { recursive: true, force: true }));

const keep = [{ type: "last_n", count: 1 }];
const periodic = { type: "periodic", prefix: "auto_", interval: "10m" };
const both = { keep_sender: keep, keep_receiver: keep };
const filesystems = { "tank<": true };
const ssh = { type: "ssh+stdinserver", host: "h", user: "root", port: 22, identity_file: "/k" };
const recv = { placeholder: { encryption: "inherit" } };
const jobs = {
  push: { type: "push", name: "home", filesystems, connect: ssh, snapshotting: periodic, pruning: both },
  cron: {
    ...{ type: "snap", name: "my job", filesystems, pruning: { keep } },
    snapshotting: { type: "cron", prefix: "auto_", cron: "0 3 * * 1-5" },
  },
  odd: {
    ...{ type: "snap", name: "odd", filesystems, pruning: { keep } },
    snapshotting: { ...periodic, interval: "45m", hooks: [{ type: "command", path: "/hook" }] },
  },
  manual: { type: "snap", name: "manual", filesystems, snapshotting: { type: "manual" }, pruning: { keep } },
  pull: { type: "pull", name: "in", connect: ssh, root_fs: "tank/in", interval: "1h", recv, pruning: both },
  sink: {
    ...{ type: "sink", name: "backups", root_fs: "tank/s", recv, pruning: { keep } },
    serve: { type: "tcp", listen: ":8888", clients: { "10.0.0.1": "c" } },
  },
  source: {
    ...{ type: "source", name: "out", filesystems, snapshotting: { type: "manual" } },
    serve: { type: "stdinserver", client_identities: ["c"] },
  },
};

async function systemd(names: readonly (keyof typeof jobs)[], options: Partial<TimerOptions> = {}, global = {}) {
  const config = join(dir, "c.yml");
  writeFileSync(config, JSON.stringify({ global, jobs: names.map((name) => jobs[name]) }));
  const output = { stdout: "", stderr: "" };
  const all: TimerOptions = {
    ...{ config, dryRun: false, json: false, logLevel: "info", logFormat: "human", color: false, quiet: false },
    ...{ lockWait: 0, jobs: [], all: true, install: false, dir: units, user: false, cron: false },
    ...{ onCalendar: undefined, jitter: undefined, ...options },
  };
  await makeTimers(all, {
    ...{ argv: ["node", program], execPath: "/usr/bin/node", env: { HOME: dir } },
    stdout: { write: (text) => (output.stdout += text) },
    stderr: { write: (text) => (output.stderr += text) },
  });
  return output;
}

const unit = (name: string) => readFileSync(join(units, name), "utf8");

describe("zrepl-run systemd", () => {
  test("makes a timer and a service for what a job does by itself", async () => {
    await systemd(["push"], { install: true });
    expect(readdirSync(units).sort()).toEqual(["zrepl-run-home.service", "zrepl-run-home.timer"]);
    expect(unit("zrepl-run-home.service")).toContain(`\nExecStart=${program} -c ${join(dir, "c.yml")} run home\n`);
    expect(unit("zrepl-run-home.service")).toContain("\nAfter=zfs.target network-online.target\n");
    expect(unit("zrepl-run-home.timer")).toContain("\nOnCalendar=*-*-* *:0/10:00\n");
    expect(unit("zrepl-run-home.timer")).toContain("\nRandomizedDelaySec=60s\nFixedRandomDelay=yes\n");
  });

  test("prints without --install, and with -n", async () => {
    const { stdout } = await systemd(["push"], { install: true, dryRun: true });
    expect(existsSync(units)).toBe(false);
    expect(stdout).toMatch(new RegExp(`^# ${units}/zrepl-run-home.service\n# Written by zrepl-run systemd`));
  });

  test("takes cron lines as they are, without jitter", async () => {
    await systemd(["cron"], { install: true });
    const timer = unit(`${escapeUnitName("zrepl-run-my job")}.timer`);
    expect(timer).toContain("\nOnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 03:00:00\n");
    expect(timer).not.toContain("RandomizedDelaySec");
  });

  test("counts from the last run where the interval has no round times, and does not confine hooks", async () => {
    await systemd(["odd"], { install: true });
    expect(unit("zrepl-run-odd.timer")).toContain("\nOnBootSec=1min\nOnUnitActiveSec=2700s\n");
    expect(unit("zrepl-run-odd.service")).not.toContain("ProtectSystem");
  });

  test("may write where the config says, and is not confined where the config runs programs", async () => {
    const metrics = { textfile_dir: "/var/lib/node exporter" };
    await systemd(["push"], { install: true }, { metrics });
    expect(unit("zrepl-run-home.service")).toContain('\nReadWritePaths=-"/var/lib/node exporter"\n');
    await systemd(["push"], { install: true }, { notify: [{ type: "command", command: ["/bin/mail"] }] });
    expect(unit("zrepl-run-home.service")).not.toContain("ProtectSystem");
  });

  test("makes no timer where nothing says when, unless it is told", async () => {
    const { stderr, stdout } = await systemd(["manual", "source"], { install: true });
    expect(stderr).toContain("manual: nothing in the config says when");
    expect(stderr).toContain("out: sshd starts it");
    expect(stdout).not.toContain("enable --now");
    await systemd(["manual"], { install: true, onCalendar: "hourly", jitter: 30 });
    expect(unit("zrepl-run-manual.timer")).toContain("\nOnCalendar=hourly\n");
  });

  test("makes a socket for tcp and tls clients, and prunes a sink that has rules", async () => {
    const { stdout } = await systemd(["sink"], { install: true });
    expect(unit("zrepl-run-serve-backups.socket")).toContain("\nListenStream=8888\n");
    expect(unit("zrepl-run-serve-backups@.service")).toMatch(/\nExecStart=.* stdinserver --socket backups\n/);
    expect(unit("zrepl-run-backups.service")).toMatch(/\nExecStart=.* prune backups\n/);
    expect(stdout).toContain("  systemctl enable --now zrepl-run-backups.timer zrepl-run-serve-backups.socket\n");
  });

  test("installs again over its own units, and never over those of others", async () => {
    await systemd(["push"], { install: true });
    expect((await systemd(["push"], { install: true })).stdout).toContain("zrepl-run-home.timer: unchanged\n");
    expect((await systemd(["push"], { install: true, jitter: 7 })).stdout).toContain("zrepl-run-home.timer: changed\n");
    writeFileSync(join(units, "zrepl-run-home.timer"), "[Timer]\n");
    await expect(systemd(["push", "odd"], { install: true })).rejects.toThrow("was not written by zrepl-run");
    expect(existsSync(join(units, "zrepl-run-odd.timer"))).toBe(false);
  });

  test("prints cron lines", async () => {
    const { stdout } = await systemd(["push", "cron", "sink", "source", "manual"], { cron: true });
    const command = `${program} -c ${join(dir, "c.yml")} -q`;
    expect(stdout).toContain(`\n*/10 * * * *  root  ${command} run home\n`);
    expect(stdout).toContain(`\n0 3 * * 1-5  root  ${command} run 'my job'\n`);
    expect(stdout).toContain(`\n0 0 * * *  root  ${command} prune backups\n`);
    expect(stdout).toContain("\n# out: nothing to do by itself\n");
    expect(stdout).toContain("\n# manual: nothing in the config says when:\n");
  });

  test.skipIf(!hasSystemd)("pleases systemd-analyze verify", async () => {
    await systemd(["push", "cron", "odd", "pull", "sink"], { install: true });
    for (const user of [false, true]) {
      if (user) await systemd(["push", "cron", "odd", "pull", "sink"], { install: true, user });
      const paths = readdirSync(units).map((name) => join(units, name));
      const run = join(dir, "run");
      mkdirSync(run, { recursive: true });
      const { stdout, stderr, status } = spawnSync("systemd-analyze", ["verify", "--man=no", ...paths], {
        encoding: "utf8",
      });
      expect({ user, stdout, stderr, status }).toEqual({ user, stdout: "", stderr: "", status: 0 });
    }
  });

  test.skipIf(!hasSystemd).each(["zrepl-run-home.service", "zrepl-run-serve-backups@.service"])(
    "confines %s as far as it goes",
    async (name) => {
      await systemd(["push", "sink"], { install: true });
      const { stdout, status } = spawnSync(
        "systemd-analyze",
        ["security", "--offline=yes", "--no-pager", join(units, name)],
        { encoding: "utf8" },
      );
      const [, score] = /Overall exposure level for .*: ([\d.]+) /.exec(stdout) ?? [];
      expect(status).toBe(0);
      expect(Number(score)).toBeLessThanOrEqual(EXPOSURE);
    },
  );
});

describe("the units of a package", () => {
  const packaged = (name: string) => readFileSync(new URL(`../../systemd/${name}`, import.meta.url), "utf8");

  test("are the same as made ones", () => {
    const service = serviceUnit("job %i", "/usr/bin/zrepl-run run %i", true, hardening({ writable: [] }));
    expect(packaged("zrepl-run@.service")).toBe(service);
    expect(packaged("zrepl-run@.timer")).toBe(timerText("job %i, every 10m", EVERY_TEN_MINUTES));
  });
});
