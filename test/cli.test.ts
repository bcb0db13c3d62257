import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXIT } from "../src/errors.ts";

/** The built program, as a user starts it; `npm test` builds first. */
const PROGRAM = fileURLToPath(new URL("../bin/zrepl-run.js", import.meta.url));

let dir: string;
const config = () => join(dir, "c.yml");

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
  const snap = (name: string) => ({
    ...{ type: "snap", name, filesystems: { "no-such-pool<": true }, snapshotting: { type: "manual" } },
    pruning: { keep: [{ type: "last_n", count: 1 }] },
  });
  const sink = { type: "sink", name: "sink", root_fs: "no-such-vault/s", serve: { type: "local", listener_name: "l" } };
  const recv = { placeholder: { encryption: "inherit" } };
  const push = {
    ...{ type: "push", name: "push", filesystems: { "no-such-pool<": true }, snapshotting: { type: "manual" } },
    connect: { type: "local", listener_name: "l", client_identity: "c" },
    pruning: { keep_sender: [{ type: "not_replicated" }], keep_receiver: [{ type: "last_n", count: 1 }] },
  };
  const global = { lock_dir: join(dir, "locks") };
  writeFileSync(config(), JSON.stringify({ global, jobs: [snap("one"), snap("two"), push, { ...sink, recv }] }));
});

afterAll(() => {
  rmSync(dir, { recursive: true });
});

async function run(...args: string[]) {
  const env = { PATH: dir, HOME: dir, NODE_PATH: "" }; // no zfs there
  return execa(process.execPath, [PROGRAM, ...args], {
    env,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    cwd: dir,
  });
}

const COMMANDS = ["run", "snap", "push", "pull", "prune", "configcheck", "version"];

describe("help", () => {
  test("of the program names every command and every exit status", async () => {
    const { exitCode, stdout } = await run("--help");
    expect(exitCode).toBe(0);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ +zrepl-run ${command}\\b`, "m"));
    const section = stdout.slice(stdout.indexOf("Exit status:"));
    for (const code of Object.values(EXIT))
      expect([code, new RegExp(`\\b${code}\\b`).test(section)]).toEqual([code, true]);
  });

  test.each(COMMANDS)("of %s is there", async (command) => {
    const { exitCode, stdout } = await run(command, "--help");
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`zrepl-run ${command}`);
    expect(stdout).toContain("--dry-run");
  });

  test("the version is told in both ways", async () => {
    const { stdout } = await run("--version");
    expect(stdout).toMatch(/^\d+\.\d+\.\d+$/);
    expect((await run("version")).stdout).toMatch(new RegExp(`^zrepl-run version=${stdout} node=v`));
  });
});

describe("exit 2, and one line that says why, for", () => {
  test.each`
    what                           | args                                       | message
    ${"no command"}                | ${[]}                                      | ${/name a command/}
    ${"an unknown command"}        | ${["replicate"]}                           | ${/replicate/}
    ${"an unknown option"}         | ${["push", "--recursive", "push"]}         | ${/recursive/}
    ${"no job"}                    | ${["push"]}                                | ${/name a job, or give --all/}
    ${"a job and --all"}           | ${["push", "--all", "push"]}               | ${/not both/}
    ${"an unknown job"}            | ${["push", "nobody"]}                      | ${/there is no job "nobody" in .*c\.yml\nhint: jobs there: one, two, push, sink/}
    ${"a job of another type"}     | ${["push", "one"]}                         | ${/job "one" is a snap job; this works on push jobs/}
    ${"no job of the type"}        | ${["pull", "--all"]}                       | ${/no job of type pull/}
    ${"a duration that is none"}   | ${["push", "push", "--lock-wait", "soon"]} | ${/--lock-wait: "soon" is not a duration such as 90s/}
    ${"a time limit that is none"} | ${["push", "push", "--time-limit", "-5"]}  | ${/time-limit/}
    ${"a log level that is none"}  | ${["push", "push", "--log-level", "loud"]} | ${/log-level/}
    ${"an option given twice"}     | ${["push", "push", "-c", "b.yml"]}         | ${/--config is given twice/}
    ${"a side that is none"}       | ${["prune", "push", "--side", "left"]}     | ${/side/}
  `("$what", async ({ args, message }) => {
    const { exitCode, stdout, stderr } = await run("--config", config(), ...args);
    expect([exitCode, stdout], stderr).toEqual([2, ""]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("internal error");
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("a config that is not there", async () => {
    const { exitCode, stderr } = await run("push", "push", "--config", join(dir, "nope.yml"));
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain("nope.yml");
  });

  test("a config with problems, all of them at once, with their places", async () => {
    const file = join(dir, "bad.yml");
    writeFileSync(file, "jobs:\n  - type: snap\n    name: a/b\n    unknown: 1\n");
    const { exitCode, stderr } = await run("push", "push", "--config", file);
    expect(exitCode).toBe(2);
    expect(stderr.split("\n").filter((line) => /^.*bad\.yml:\d+:\d+: /.test(line)).length).toBeGreaterThan(2);
  });
});

describe("--json", () => {
  test.each`
    what                 | args                                 | exitCode
    ${"a usage error"}   | ${["push", "--json", "--what"]}      | ${2}
    ${"no zfs program"}  | ${["push", "--json", "push"]}        | ${1}
    ${"two jobs failed"} | ${["prune", "--json", "one", "two"]} | ${1}
  `("ends with the exit code also after $what", async ({ args, exitCode }) => {
    const ended = await run("--config", config(), ...args);
    expect(ended.exitCode, ended.stderr).toBe(exitCode);
    const lines = ended.stdout.split("\n").map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ event: "end", exitCode, error: expect.any(String) });
    expect(lines.filter(({ event }) => event === "end")).toHaveLength(1);
  });
});

test("without zfs on PATH it says what to install, and where cron's PATH falls short", async () => {
  const { exitCode, stderr } = await run("--config", config(), "push", "push");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/cannot run "zfs": not found on PATH\nhint: install OpenZFS.*cron's PATH/);
});

test("a job that has nothing it could ever snapshot is most likely a mistake: exit 4", async () => {
  const { exitCode, stderr } = await run("--config", config(), "snap", "one");
  expect(exitCode, stderr).toBe(4);
  expect(stderr).toContain("snapshotting is manual");
});

test("-q is silent where nothing is wrong", async () => {
  const { exitCode, stderr } = await run("--config", config(), "-q", "configcheck", "--what", "jobs");
  expect([exitCode, stderr]).toEqual([0, ""]);
});
