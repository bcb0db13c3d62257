/** Completion as the shells ask for it: the built program behind the script that it prints. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { completionScript } from "../../src/completion/scripts.ts";

const launcher = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/cli.js", import.meta.url)));

const dir = mkdtempSync(join(tmpdir(), "zrepl-run-completion-"));
afterAll(() => rmSync(dir, { recursive: true }));
symlinkSync(launcher, join(dir, "zrepl-run"));
const keep = [{ type: "last_n", count: 1 }];
const snap = (name: string) => ({
  ...{ type: "snap", name, filesystems: { "tank<": true }, snapshotting: { type: "manual" }, pruning: { keep } },
});
const connect = { type: "ssh+stdinserver", host: "h", user: "root", port: 22, identity_file: "/k" };
const push = { ...snap("off-site"), type: "push", connect, pruning: { keep_sender: keep, keep_receiver: keep } };
const config = join(dir, "c.yml");
writeFileSync(config, JSON.stringify({ jobs: [snap("home"), snap("two words"), push] }));

/** Runs a line of a shell with the program in its PATH; the lines it prints. */
function shell(program: string, script: string, ...args: string[]): string[] {
  const { stdout, stderr, error } = spawnSync(program, ["-c", script, "shell", ...args], {
    encoding: "utf8",
    cwd: dir,
    env: { PATH: `${dir}:${process.env["PATH"]}`, HOME: dir, ZREPL_RUN_CONFIG: config },
  });
  if (error !== undefined) throw error;
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

/** What each shell offers for a command line; the last word is being typed. */
const shells: Readonly<Record<string, (words: readonly string[]) => string[]>> = {
  bash: (words) => {
    const call = `COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _zrepl_run zrepl-run; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return shell("bash", `${completionScript("bash")}\n${call}`, ...words);
  },
  zsh: (words) => {
    const stubs = `compdef() { }; _describe() { print -l -- "\${(@P)2}" }; _files() { }`;
    const call = 'words=("$@") CURRENT=$#; _zrepl-run';
    return shell("zsh", `${stubs}\n${completionScript("zsh")}\n${call}`, ...words);
  },
  fish: (words) => {
    const line = words.map((word) => word.replaceAll(" ", "\\ ")).join(" ");
    return shell("fish", `${completionScript("fish")}\ncomplete -C '${line}'`);
  },
};

describe.skipIf(!isBuilt).each(Object.keys(shells))("%s completes", (name) => {
  const isThere = spawnSync(name, ["-c", "exit 0"]).status === 0;
  if (!isThere) process.stderr.write(`skipped: completion in ${name} (Debian package ${name})\n`);
  const offer = (...words: string[]) =>
    (shells[name]?.(["zrepl-run", ...words]) ?? []).map((line) => line.replace(/[\t:].*/, "")).sort();

  test.skipIf(!isThere)("commands, with the rest of their name", () => {
    expect(offer("config")).toEqual(["configcheck"]);
    expect(offer("test", "pl")).toEqual(["placeholder", "plan"]);
  });

  test.skipIf(!isThere)("options, and the values that one may have", () => {
    expect(offer("prune", "--max")).toEqual(["--max-destroy"]);
    expect(offer("prune", "--side", "")).toEqual(["receiver", "sender"]);
    expect(offer("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  test.skipIf(!isThere)("names of jobs, of the types that the command works on", () => {
    expect(offer("push", "")).toEqual(["off-site"]);
    const blank = name === "bash" ? "two\\ words" : "two words";
    expect(offer("run", "")).toEqual(["home", "off-site", blank]);
    expect(offer("-q", "run", "home", "o")).toEqual(["off-site"]);
    expect(offer("-c", config, "prune", "h")).toEqual(["home"]);
  });

  test.skipIf(!isThere)("files after an option that wants one", () => {
    // bash and zsh do that by themselves where we offer nothing
    expect(offer("-c", "c.")).toEqual(name === "fish" ? ["c.yml"] : []);
  });
});

test.skipIf(!isBuilt)("a config that can't be read is no reason for an error", () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [launcher, "--get-yargs-completions", "zrepl-run", "run", ""],
    { encoding: "utf8", env: { PATH: "", ZREPL_RUN_CONFIG: join(dir, "no.yml") } },
  );
  expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
});
