/** Start-up: a command loads the parts of the bundle that it needs, and no others. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

/** The built program; `npm test` builds first. */
const PROGRAM = fileURLToPath(new URL("../bin/zrepl-run.js", import.meta.url));

const HOOKS = `import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(process.env.LOADED, url + "\\n");
  return next(url, context);
}`;

/** How `snap` ends: the job's snapshotting is manual. */
const MANUAL = 4;

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
  writeFileSync(join(dir, "hooks.mjs"), HOOKS);
  writeFileSync(
    join(dir, "register.mjs"),
    'import { register } from "node:module"; register("./hooks.mjs", import.meta.url);',
  );
  const job = { type: "snap", name: "one", filesystems: { "p<": true }, snapshotting: { type: "manual" } };
  writeFileSync(
    join(dir, "c.yml"),
    JSON.stringify({ jobs: [{ ...job, pruning: { keep: [{ type: "last_n", count: 1 }] } }] }),
  );
});

afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** Chunks of the bundle that a command loads, without their hashes, and Node's modules that it imports. */
function loadedBy(...args: string[]): string[] {
  return loadedByExit(0, ...args);
}

/** The same of a command that has to end so. */
function loadedByExit(exitCode: number, ...args: string[]): string[] {
  const record = join(dir, "loaded");
  writeFileSync(record, "");
  const register = pathToFileURL(join(dir, "register.mjs")).href;
  const { status } = spawnSync(process.execPath, ["--import", register, PROGRAM, ...args], {
    env: { LOADED: record, HOME: dir, PATH: dir }, // no programs
    stdio: "ignore",
  });
  expect([args, status]).toEqual([args, exitCode]);
  const urls = readFileSync(record, "utf8").trim().split("\n");
  return urls.map((url) => (url.startsWith("node:") ? url : basename(url).replace(/-[A-Z0-9]{8}\.js$/, ""))).sort();
}

test("version loads no parser of command lines", () => {
  expect(new Set(loadedBy("version"))).toEqual(new Set(["chunk", "cli.js", "zrepl-run.js"]));
});

test("configcheck loads nothing that runs programs or draws, where there is no zfs", () => {
  const loaded = loadedBy("-c", join(dir, "c.yml"), "configcheck");
  expect(loaded).toEqual(expect.arrayContaining(["program", "check"]));
  expect(loaded).not.toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^(work|progress|runner|terminal|build|node:(child_process|crypto|tls))$/),
    ]),
  );
});

test("a command is not read from dozens of files", () => {
  const files = (exitCode: number, ...args: string[]) =>
    loadedByExit(exitCode, "-c", join(dir, "c.yml"), ...args).filter((url) => !url.startsWith("node:"));
  expect(files(0, "configcheck").length).toBeLessThanOrEqual(15);
  expect(files(MANUAL, "snap", "one").length).toBeLessThanOrEqual(40);
});

test("nothing imports what reads all of process, stdin with it, or asserts", () => {
  const loaded = [
    ...loadedByExit(MANUAL, "-c", join(dir, "c.yml"), "snap", "one"),
    ...loadedByExit(1, "-c", join(dir, "c.yml"), "status"),
  ];
  expect(loaded).toEqual(expect.arrayContaining(["work", "node:child_process"]));
  expect(loaded).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(node:)?(assert|process)$/)]));
});
