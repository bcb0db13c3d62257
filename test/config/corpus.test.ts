import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";

const validDir = fileURLToPath(new URL("valid/", import.meta.url));
const invalidDir = fileURLToPath(new URL("invalid/", import.meta.url));

async function problemsOf(file: string): Promise<readonly string[]> {
  try {
    await loadConfig({ file, env: {} });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("a config that zrepl accepts has no problems", () => {
  const names = readdirSync(validDir).filter((name) => name.endsWith(".yml"));
  test.each(names)("%s", async (name) => {
    expect(await problemsOf(validDir + name)).toEqual([]);
  });
});

/** Each invalid file ends with one comment per problem: `# expect LINE:COL: PATH: …`. */
describe("every problem of a config is reported once, where it is", () => {
  const names = readdirSync(invalidDir).filter((name) => name.endsWith(".yml"));
  test.each(names)("%s", async (name) => {
    const expected = [...readFileSync(invalidDir + name, "utf8").matchAll(/^# expect (.*)$/gm)].map(([, text]) => text);
    expect(expected.length).toBeGreaterThan(0);
    const problems = await problemsOf(invalidDir + name);
    for (const problem of problems) expect(problem.startsWith(`${invalidDir}${name}:`)).toBe(true);
    expect(problems.map((text) => text.slice(`${invalidDir}${name}:`.length).replaceAll(invalidDir, ""))).toEqual(
      expected,
    );
  });
});
