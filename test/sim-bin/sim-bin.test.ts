import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

let dir = "";
let env: Record<string, string> = {};
let worlds = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-sim-"));
  await execa("node", ["scripts/build-sim.mjs", dir]);
});

afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a shell script with the look-alikes first in PATH. */
async function shell(script: string): Promise<string> {
  const { stdout } = await execa("bash", ["-c", script], { env, stderr: "ignore", reject: false });
  return stdout;
}

beforeEach(async () => {
  env = { PATH: `${dir}:${process.env["PATH"]}`, ZREPL_RUN_SIM_STATE: join(dir, `world-${worlds++}.json`) };
  await shell("zpool create tank f; zfs create tank/a; zfs write tank/a 3000000; zfs snapshot tank/a@1");
});

test("a stream goes through a real pipe", async () => {
  expect(await shell("set -o pipefail; zfs send tank/a@1 | zfs recv tank/b; echo $?")).toBe("0");
  const guids = await shell("zfs list -Hp -o guid tank/a@1 tank/b@1");
  expect(new Set(guids.split("\n")).size).toBe(1);
});

test("a stream that ends early leaves a token that works", async () => {
  expect(await shell("zfs send tank/a@1 | head -c 1000000 | zfs recv -s tank/b; echo $?")).toBe("1");
  const script = 'zfs send -t "$(zfs get -Hpo value receive_resume_token tank/b)" | zfs recv -s tank/b';
  expect(await shell(`${script}; zfs list -H -t snapshot -o name tank/b`)).toBe("tank/b@1");
});

test.each([
  ["TERM", "-s", "token"],
  ["KILL", "-s", "token"],
  ["TERM", "", "gone"],
  ["KILL", "", "gone"],
])("SIG%s during recv %s: %s", async (signal, flags, left) => {
  env["ZREPL_RUN_SIM_BYTES_PER_SEC"] = "500000";
  const out = await shell(`
    cd "$(mktemp -d)" && mkfifo pipe
    zfs send tank/a@1 > pipe &
    zfs recv ${flags} tank/b < pipe & receiver=$!
    until zfs list tank/b; do sleep 0.1; done > seen
    kill -${signal} $receiver; wait
    zfs get -Hpo value receive_resume_token tank/b
  `);
  expect(out === "" ? "gone" : out.startsWith("1-") ? "token" : out).toBe(left);
});

test("send -vP reports once a second", async () => {
  env["ZREPL_RUN_SIM_BYTES_PER_SEC"] = "1000000";
  const { stderr } = await execa("bash", ["-c", "zfs send -vP tank/a@1 | cat > /dev/null"], { env });
  expect(stderr).toMatch(/^full\ttank\/a@1\t\d+\nsize\t\d+\n(\d\d:\d\d:\d\d\t\d+\ttank\/a@1\n?){2,}$/);
});

test("many programs at once do not lose each other's changes", async () => {
  await shell("for i in $(seq 12); do zfs snapshot tank/a@s$i & done; wait");
  expect((await shell("zfs list -H -t snapshot -o name tank/a")).split("\n")).toHaveLength(13);
});
