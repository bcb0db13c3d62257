import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";

const validDir = fileURLToPath(new URL("valid/", import.meta.url));
const invalidDir = fileURLToPath(new URL("invalid/", import.meta.url));

/** The comments `# WORD …` at the end of a file. */
function comments(file: string, word: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(new RegExp(`^# ${word} (.*)$`, "gm"))].map(
    ([, comment = ""]) => comment,
  );
}

/** What stands at a path such as `jobs[0].filesystems.match(tank/a)`; the last part may be asked something. */
function valueAt(config: unknown, path: string): unknown {
  const [, keys = "", method, argument] = /^(.*?)(?:\.(match|test)\((.*)\))?$/.exec(path) ?? [];
  const owner = keys
    .split(/[[\].]+/)
    .filter(Boolean)
    .reduce((value, key) => Reflect.get(Object(value), key), config);
  return method === undefined ? owner : Reflect.get(Object(owner), method).call(owner, argument);
}

async function problemsOf(file: string): Promise<readonly string[]> {
  try {
    await loadConfig({ file, env: {} });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/**
 * A valid file may end with comments: `# becomes PATH = JSON` for a value of the typed config, and `# warns …` for each
 * warning, with a part of it.
 */
describe("a config that zrepl accepts has no problems", () => {
  const names = readdirSync(validDir).filter((name) => name.endsWith(".yml"));
  test.each(names)("%s", async (name) => {
    expect(await problemsOf(validDir + name)).toEqual([]);
    const config = await loadConfig({ file: validDir + name, env: {} });
    for (const comment of comments(validDir + name, "becomes")) {
      const [path = "", json = ""] = comment.split(/ = (.*)/s);
      const value = valueAt(config, path);
      expect([path, value]).toEqual([path, json === "undefined" ? undefined : JSON.parse(json)]);
    }
    const warnings = comments(validDir + name, "warns");
    if (warnings.length === 0) return;
    expect(config.warnings).toEqual(warnings.map((part) => expect.stringContaining(part)));
  });
});

/** Each invalid file ends with one comment per problem: `# expect LINE:COL: PATH: WHAT`; after `…` may follow anything. */
describe("every problem of a config is reported once, where it is", () => {
  const names = readdirSync(invalidDir).filter((name) => name.endsWith(".yml"));
  test.each(names)("%s", async (name) => {
    const expected = comments(invalidDir + name, "expect").map((text) =>
      text.endsWith("…") ? expect.stringContaining(text.slice(0, -1)) : text,
    );
    expect(expected.length).toBeGreaterThan(0);
    const problems = await problemsOf(invalidDir + name);
    for (const problem of problems) expect(problem.startsWith(`${invalidDir}${name}:`)).toBe(true);
    expect(problems.map((text) => text.slice(`${invalidDir}${name}:`.length).replaceAll(invalidDir, ""))).toEqual(
      expected,
    );
  });
});
