/** Every config that we show to users must load. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { adviseOn } from "../src/config/advice/advice.ts";
import { loadConfig } from "../src/config/load.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "zrepl-run-readme-"));
afterAll(() => rmSync(dir, { recursive: true }));

const filesIn = (folder: string, extension: string) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(extension))
        .map((name) => join(folder, name))
    : [];

/** Fenced yaml blocks of a markdown file, the line before each for the test's name. */
function yamlBlocks(file: string): { readonly name: string; readonly text: string }[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)].map(({ 1: block = "", index }) => ({
    name: `${file}:${text.slice(0, index).split("\n").length}`,
    text: block,
  }));
}

const examples = [
  ...["README.md", "ARCHITECTURE.md", ...filesIn("docs", ".md")].flatMap(yamlBlocks),
  ...filesIn("contrib/examples", ".yml").map((file) => ({ name: file, text: readFileSync(join(root, file), "utf8") })),
];

describe("configs shown to users", () => {
  test("are there", () => {
    expect(examples.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^README\.md:/));
  });

  test.each(examples)("$name loads without a warning", async ({ text }) => {
    const file = join(dir, "example.yml");
    writeFileSync(file, text);
    const config = await loadConfig({ file, env: { HOME: "/root" }, uid: 0 });
    expect(config.warnings).toEqual([]);
    expect(adviseOn(config, undefined)).toEqual([]);
    expect(config.jobs.length).toBeGreaterThan(0);
  });
});
