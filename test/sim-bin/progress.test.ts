/** Progress of the real program: in a real terminal, which is resized, and by a signal without one. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SimulatedSite } from "./site.ts";

const hasTmux = spawnSync("tmux", ["-V"]).error === undefined;
if (!hasTmux) console.log("skipped: progress in a terminal needs tmux");

const site = new SimulatedSite();
const socket = join(site.dir, "tmux");
const program = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));

beforeAll(async () => {
  await site.create();
  site.env["ZREPL_RUN_SIM_BYTES_PER_SEC"] = "150000"; // 2 MB each: half a minute and more
  await site.run(["snap", "push"]);
});
afterAll(() => site.remove());

async function until<T>(look: () => T | undefined): Promise<T> {
  for (let i = 0; i < 300; i++) {
    const seen = look();
    if (seen !== undefined) return seen;
    await delay(100);
  }
  throw new Error("it never came");
}

describe.skipIf(!hasTmux)("in tmux", () => {
  const tmux = (...args: string[]) =>
    spawnSync("tmux", ["-S", socket, "-f", "/dev/null", ...args], {
      encoding: "utf8",
      env: { ...site.env, TERM: "xterm" },
    }).stdout;
  const screen = () => tmux("capture-pane", "-p", "-t", "zr").split("\n");
  const steps = (lines: readonly string[]) => lines.filter((line) => /(step \d of \d|\d+ %)/.test(line));
  afterEach(() => void tmux("kill-server"));

  test("there is a line for the running step and one for all, at two widths, and no rest of them after a resize", async () => {
    const command = `${process.execPath} ${program} --config ${join(site.dir, "c.yml")} push push; sleep 60`;
    tmux("new-session", "-d", "-s", "zr", "-x", "110", "-y", "12", command);
    const wide = await until(() => {
      const lines = screen();
      return lines.some((line) => /%\), .*\/s, .* left$/.test(line)) && lines.some((line) => /total: .*\/s/.test(line))
        ? lines
        : undefined;
    });
    expect(steps(wide).filter((line) => line.includes("%"))).toHaveLength(1);
    expect(wide.filter((line) => line.includes("total:"))).toHaveLength(1);

    tmux("resize-window", "-t", "zr", "-x", "50", "-y", "12");
    const narrow = await until(() => {
      const lines = screen();
      return lines.some((line) => /%\), [\dhms]+ left$/.test(line)) ? lines : undefined;
    });
    expect(narrow.filter((line) => /\(\d+ %\)/.test(line)).length).toBeLessThanOrEqual(1);
    expect(narrow.filter((line) => /steps done/.test(line))).toHaveLength(1);

    tmux("resize-window", "-t", "zr", "-x", "120", "-y", "12");
    const again = await until(() => {
      const lines = screen();
      return lines.some((line) => /tank\/data.*: step \d.*\/s, .*left$/.test(line)) ? lines : undefined;
    });
    expect(again.filter((line) => /steps done/.test(line))).toHaveLength(1);
  });
});

test("SIGUSR1 prints where it is, where there is no terminal, and the run goes on", async () => {
  // what the test before left is resumed
  const running = site.run(["push", "push", "--lock-wait", "30s"]);
  let stderr = "";
  running.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  await until(() => (/sending|resuming/.test(stderr) ? true : undefined));
  const asked = setInterval(() => running.kill("SIGUSR1"), 500);
  await until(() => (/^tank\/data.*: step 1 of 1, .*\ntotal: \d of \d steps done/m.test(stderr) ? true : undefined));
  clearInterval(asked);
  expect(stderr).not.toContain("Debugger listening");
  running.kill("SIGINT");
  expect((await running).exitCode).toBe(130);
});
