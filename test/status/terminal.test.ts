/** `status` on a real terminal: tmux draws, and is asked what can be seen. */
import { spawnSync } from "node:child_process";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROGRAM, SimSite } from "./sim-site.ts";

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;
if (!hasTmux) console.log("status is not looked at on a terminal: tmux is not there (Debian package tmux)");

/** A server for each terminal: one that is just ending takes no new session. */
let servers = 0;

async function tmux(...args: string[]): Promise<string> {
  const socket = `zrepl-run-status-${process.pid}-${servers}`;
  const { stdout } = await execa("tmux", ["-L", socket, "-f", "/dev/null", ...args], { env: site.env });
  return stdout;
}

const site = new SimSite();
const screen = () => tmux("capture-pane", "-p", "-t", "main");

/** Starts a shell command on a new terminal. */
async function onTerminal(columns: number, command: string): Promise<void> {
  await tmux("kill-server").catch(() => undefined);
  servers++;
  await tmux("-u", "new-session", "-d", "-s", "main", "-x", String(columns), "-y", "24", command);
}

const seen = (pattern: RegExp) => expect.poll(screen, { timeout: 30_000, interval: 200 }).toMatch(pattern);

describe.skipIf(!hasTmux)("on a terminal", () => {
  beforeAll(async () => {
    await site.create();
    await site.shell("for i in a b; do zfs create tank/$i; zfs write tank/$i 3000000; zfs snapshot tank/$i@1; done");
    await site.shell("node bin/zrepl-run.js -q push home; zfs snapshot tank/b@2");
  }, 60_000);
  afterAll(async () => {
    await tmux("kill-server").catch(() => undefined);
    site.remove();
  });

  const status = (args: string) => `node ${PROGRAM} status ${args}; echo "ended: $?"; sleep 60`;

  test("there is a table where there is room", async () => {
    await onTerminal(120, status("home"));
    await seen(/ended: 0/);
    const lines = (await screen()).split("\n");
    expect(lines).toContainEqual(
      expect.stringMatching(/^FILESYSTEM +STATE +NEWEST +REPLICATED +BEHIND +SNAPSHOTS +LAST 30 DAYS/),
    );
    expect(lines).toContainEqual(expect.stringMatching(/^tank\/b +behind .* 1 snap, .* 2\/1 +·{29}█$/));
    expect(lines).toContainEqual(expect.stringMatching(/^tank\/a +ok .* 1\/1 +·{29}█$/));
  });

  test("and a few short lines where there is not", async () => {
    await onTerminal(50, status("home"));
    await seen(/ended: 0/);
    expect(await screen()).toMatch(/^tank\/b: behind\n {2}newest \w+ ago; replicated \w+ ago; [^█]*\n {2}·{29}█\n/m);
  });

  test("--watch follows another invocation, through a change of size, until q", async () => {
    await site.shell("zfs write tank/a 4000000 x; zfs snapshot tank/a@3");
    await onTerminal(120, status("--watch home"));
    await seen(/tank\/a +behind/);
    const env = { ...site.env, ZREPL_RUN_SIM_BYTES_PER_SEC: "250000" };
    const push = execa(process.execPath, [PROGRAM, "-q", "push", "home"], { env, reject: false });
    await seen(/replicating since\s+\w+\s+\(pid \d+\), step\s+\d\s+of\s+2,\s+\d+\s+%\s+of\s+tank\//);
    await tmux("resize-window", "-t", "main", "-x", "60", "-y", "20");
    await seen(/^tank\/\w: running/m);
    const { exitCode } = await push;
    expect(exitCode).toBe(0);
    // all is replicated some time before the other invocation has ended, and its end is seen at the next look
    await seen(/2 ok of 2\s+filesystems;(?!.*replicating)/s);
    await tmux("send-keys", "-t", "main", "q");
    await seen(/^ended: 0/m);
    expect(await screen()).not.toContain("q: end"); // the screen from before is back
  });

  test("--watch ends with Ctrl-C as interrupted, and the terminal is as before", async () => {
    await onTerminal(100, `${status("--watch home")}`);
    await seen(/q: end/);
    await tmux("send-keys", "-t", "main", "C-c");
    await seen(/ended: 130/);
    expect(await tmux("display-message", "-p", "-t", "main", "#{alternate_on} #{cursor_flag}")).toBe("0 1");
  });

  test("without one, --watch writes a line when something has changed", async () => {
    const watch = execa(process.execPath, [PROGRAM, "status", "--watch", "home"], { env: site.env, reject: false });
    let text = "";
    watch.stdout.on("data", (chunk) => {
      text += chunk;
    });
    await expect.poll(() => text, { timeout: 20_000 }).toMatch(/^home \(push\): 2 ok of 2 filesystems/);
    watch.kill("SIGINT");
    expect((await watch).exitCode).toBe(130);
    expect(text.split("\n")).toHaveLength(2);
  });
});
