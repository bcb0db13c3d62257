/** `init` as a person uses it: with options, and on a terminal. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { adviseOn } from "../../src/config/advice/advice.ts";
import { loadConfig } from "../../src/config/load.ts";
import { configText } from "../../src/init/config-text.ts";
import { type Answers, answerProblem } from "../../src/init/setup.ts";
import { SETUPS } from "../../src/init/setups.ts";
import { filesOf } from "../config/files.ts";

const launcher = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/cli.js", import.meta.url)));
const dir = mkdtempSync(join(tmpdir(), "zrepl-run-init-"));
afterAll(() => rmSync(dir, { recursive: true }));

const ANSWERS: Omit<Answers, "setup"> = {
  filesystems: ["tank<", "!tank/tmp<"],
  ...{ rootFs: "tank/backups", host: "backup.example.com", user: "root", identityFile: "/etc/zrepl-run/ssh_key" },
  ...{ clients: ["laptop", "db 1"], interval: "15m" },
};

describe("the config that init writes", () => {
  test.each(SETUPS)("for %s loads, and configcheck has nothing against it", async (setup) => {
    const text = configText({ ...ANSWERS, setup });
    const config = await loadConfig({ file: "/c.yml", env: {}, files: filesOf({ "/c.yml": text }) });
    expect(adviseOn(config, undefined)).toEqual([]);
    expect(config.warnings).toEqual([]);
    expect(text).toMatch(/ # /);
  });
});

describe("an answer", () => {
  test.each([
    ["filesystems", "tank<, !tank/tmp<", undefined],
    ["filesystems", "!tank", "name at least one"],
    ["filesystems", "ta@nk", "pattern is not a dataset path"],
    ["rootFs", "vault/backups", undefined],
    ["rootFs", "/vault", "is"],
    ["clients", "a, b/c", "contains a character"],
    ["interval", "10 minutes", "must be a whole number"],
    ["host", "-oProxyCommand=x", "is not a name"],
    ["identityFile", "key", "absolute path"],
    ["user", "", "an answer is needed"],
  ] as const)("to %s of %j is checked", (question, text, problem) => {
    const found = answerProblem(question, text);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});

describe.skipIf(!isBuilt)("zrepl-run init", () => {
  const init = (...args: string[]) =>
    spawnSync(process.execPath, [launcher, ...args], { encoding: "utf8", env: { PATH: dir, HOME: dir } });
  const local = ["init", "--yes", "--setup", "local", "--filesystems", "tank<", "--root-fs", "vault/backups"];

  test("writes a config for its owner, says what is next, and never writes over one", () => {
    const file = join(dir, "etc/c.yml");
    const { status, stdout, stderr } = init("-c", file, ...local);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("\n  zfs create -o mountpoint=none vault/backups\n");
    expect(stdout).toContain(`\n  zrepl-run -c ${file} run --dry-run backup\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(init("-c", file, "configcheck")).toMatchObject({ status: 0, stderr: "" });

    writeFileSync(file, "mine");
    expect(init("-c", file, ...local)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("is there already"),
    });
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(init("-c", file, ...local, "--force").status).toBe(0);
    expect(readFileSync(file, "utf8")).toContain("type: push");
  });

  test("only shows it with -n", () => {
    const file = join(dir, "n.yml");
    expect(init("-c", file, "-n", ...local).stdout).toContain('root_fs: "vault/backups"');
    expect(existsSync(file)).toBe(false);
  });

  test("asks nobody where there is no terminal", () => {
    const file = join(dir, "x.yml");
    expect(init("-c", file, "init")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--setup snapshots|"),
    });
    const without = init("-c", file, "init", "--setup", "push", "--filesystems", "tank<");
    expect(without).toMatchObject({ status: 2, stderr: expect.stringContaining("--host: an answer is needed") });
    const useless = init("-c", file, ...local, "--clients", "a");
    expect(useless).toMatchObject({ status: 2, stderr: expect.stringContaining("--clients is of no use") });
  });
});

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;
if (!hasTmux) process.stderr.write("skipped: init on a terminal (Debian package tmux)\n");

describe.skipIf(!isBuilt || !hasTmux)("zrepl-run init on a terminal", () => {
  const socket = join(dir, "tmux");
  const tmux = (...args: string[]) => execFileSync("tmux", ["-S", socket, ...args], { encoding: "utf8" });
  afterAll(() => tmux("kill-server"));

  /** What the terminal shows, once it ends with a text. */
  async function shown(end: string): Promise<string> {
    for (let i = 0; ; i++) {
      const screen = tmux("capture-pane", "-p", "-J").trimEnd();
      if (screen.endsWith(end)) return screen;
      if (i === 300) throw new Error(`never showed ${JSON.stringify(end)}, but:\n${screen}`);
      await sleep(100);
    }
  }

  async function answer(question: string, text: string) {
    await shown(question);
    tmux("send-keys", "-l", text);
    tmux("send-keys", "Enter");
  }

  test("asks again until it understands, proposes, and writes", async () => {
    const file = join(dir, "asked.yml");
    const command = `PATH= ${process.execPath} ${launcher} -c ${file} init; echo "exit $?"; exec cat`;
    tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", command);
    await answer("What is it to do? [1]", "9");
    await answer("a number from 1 to 6\nWhat is it to do? [1]", "3");
    await answer("commas between", "tank/home<, !tank/home/tmp<");
    await answer("The other host?", "backup.example.com");
    await answer("The user there? [root]", "");
    await answer("The file with the ssh key? [/etc/zrepl-run/ssh_key]", "key");
    await answer("it must be an absolute path\nThe file with the ssh key? [/etc/zrepl-run/ssh_key]", "");
    await answer("How often? [15m]", "1h");
    expect(await shown("exit 0")).toContain(`${file} is written`);
    const config = await loadConfig({ file, env: {} });
    expect(config.jobs[0]).toMatchObject({ type: "push", connect: { host: "backup.example.com", user: "root" } });
  });

  test("writes nothing after Ctrl-C", async () => {
    const file = join(dir, "stopped.yml");
    const command = `PATH= ${process.execPath} ${launcher} -c ${file} init; echo "exit $?"; exec cat`;
    tmux("-f", "/dev/null", "respawn-pane", "-k", command);
    await shown("What is it to do? [1]");
    tmux("send-keys", "C-c");
    await shown("exit 130");
    expect(existsSync(file)).toBe(false);
  });
});
