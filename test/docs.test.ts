/** The documentation against the program. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const filesIn = (folder: string, extension: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));
const read = (file: string) => readFileSync(join(root, file), "utf8");

const sources = filesIn("src", ".ts").map(read).join("\n");
const messages = [...read("docs/troubleshooting.md").matchAll(/^### `(.*)`$/gm)].map(([, message = ""]) => message);

describe("a message in the troubleshooting page", () => {
  test("is there", () => expect(messages.length).toBeGreaterThan(20));

  test.each(messages)("%s is one of ours", (message) => {
    const parts = message.split("…").map((part) => part.trim());
    for (const part of parts.filter((text) => text.length > 3)) expect(sources).toContain(part);
  });
});

test.each(["README.md", "ARCHITECTURE.md", ...filesIn("docs", ".md")])("the links of %s lead somewhere", (file) => {
  const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = ""]) => link);
  for (const link of links) expect([link, existsSync(join(root, dirname(file), link))]).toEqual([link, true]);
});

test("every page of the documentation is linked from its index", () => {
  const index = read("docs/README.md");
  for (const file of filesIn("docs", ".md").filter((name) => name !== "docs/README.md"))
    expect(index).toContain(`](${file.replace("docs/", "")})`);
});
