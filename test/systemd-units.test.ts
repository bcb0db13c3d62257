/** The units in systemd/, as someone copies them for a job: systemd itself has nothing to say against them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, expect, test } from "vitest";

const UNITS = fileURLToPath(new URL("../systemd", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "zrepl-run-units-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const hasSystemd = (await execa("systemd-analyze", ["--version"], { reject: false })).exitCode === 0;
if (!hasSystemd) console.log("skipped: there is no systemd-analyze here (Debian package systemd)");

test.skipIf(!hasSystemd)("systemd-analyze verify finds no fault with the units of a job", async () => {
  const files = readdirSync(UNITS).map((name) => {
    const file = join(dir, name.replace("JOB", "backups"));
    const text = readFileSync(join(UNITS, name), "utf8").replaceAll("JOB", "backups");
    // the program need not be installed here
    writeFileSync(file, text.replaceAll("/usr/bin/zrepl-run", process.execPath));
    return file;
  });
  expect(files.some((file) => file.endsWith(".socket"))).toBe(true);
  expect(files.some((file) => file.endsWith("@.service"))).toBe(true);
  const names = files.map((file) => file.replace("@.", "@1."));
  const { exitCode, all } = await execa("systemd-analyze", ["verify", "--man=no", ...names], {
    reject: false,
    all: true,
    env: { SYSTEMD_UNIT_PATH: `${dir}:` },
  });
  const ours = (all ?? "").split("\n").filter((line) => line.includes("backups"));
  expect(ours).toEqual([]);
  expect(exitCode, all).toBe(0);
});
