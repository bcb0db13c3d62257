/** The manual page against the program: every command and option of `--help`, and nothing else. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EXIT } from "../src/errors.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const manual = read("man/zrepl-run.1");
const launcher = new URL("../bin/zrepl-run.js", import.meta.url).pathname;
const isBuilt = existsSync(new URL("../dist/cli.js", import.meta.url));

const helps = new Map<string, string>();

function help(command = ""): string {
  const known = helps.get(command);
  if (known !== undefined) return known;
  const text = execFileSync(process.execPath, [launcher, ...command.split(" ").filter(Boolean), "--help"], {
    encoding: "utf8",
  });
  helps.set(command, text);
  return text;
}

/** Commands that a help text lists, below `parent`. */
function commandsIn(text: string, parent?: string): string[] {
  const program = parent === undefined ? "zrepl-run" : `zrepl-run ${parent}`;
  return [...text.matchAll(new RegExp(`^ {2}${program} ([\\w-]+)`, "gm"))].map(([, name = ""]) => name);
}

/** Long names in a help text, e.g. `--dry-run`. */
function optionsIn(text: string): string[] {
  return [...text.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name = ""]) => name);
}

/** Short names in a help text, e.g. `-n`. */
function lettersIn(text: string): string[] {
  return [...text.matchAll(/^ +-(\w), --/gm)].map(([, name = ""]) => name);
}

function section(title: string): string {
  const [, text] = manual.match(new RegExp(`^\\.Sh ${title}\\n([\\s\\S]*?)(?=^\\.Sh |(?![\\s\\S]))`, "m")) ?? [];
  if (text === undefined) throw new Error(`no section ${title}`);
  return text;
}

/** The heads of a section's list items. */
function itemsOf(title: string): string {
  return [...section(title).matchAll(/^\.It (.*)$/gm)].map(([, item = ""]) => item).join("\n");
}

/** Long options that a text names, `\-` included. */
function optionsOf(mdoc: string): Set<string> {
  return new Set([...mdoc.matchAll(/\bFl -([\w-]+)/g)].map(([, name = ""]) => name));
}

describe.skipIf(!isBuilt)("zrepl-run(1)", () => {
  const overview = isBuilt ? help() : "";
  const commands = commandsIn(overview).flatMap((command) => {
    const children = commandsIn(help(command), command);
    return children.length === 0 ? [command] : children.map((child) => `${command} ${child}`);
  });
  const synopsis = section("SYNOPSIS");
  const described = [...section("COMMANDS").matchAll(/^\.It (?:Xo\n\.Cm|Cm) ([\w -]+)$/gm)].map(
    ([, name = ""]) => name,
  );

  test("describes exactly the commands that there are", () => {
    expect(commands).toContain("run");
    expect([...new Set(described)].sort()).toEqual([...commands].sort());
    for (const command of commands) expect(synopsis).toContain(`.Nm\n.Cm ${command}\n`);
  });

  test("describes every option, and no other", () => {
    const options = new Set([
      ...commands.flatMap((command) => optionsIn(help(command))),
      ...optionsIn(overview),
      "no-color",
    ]);
    const documented = new Set(["COMMANDS", "OPTIONS"].flatMap((title) => [...optionsOf(itemsOf(title))]));
    expect([...documented].sort()).toEqual([...options].sort());
  });

  test("describes the options of all commands apart, with their letters", () => {
    const items = itemsOf("OPTIONS");
    expect([...optionsOf(items)].sort()).toEqual([...optionsIn(overview), "no-color"].sort());
    for (const letter of lettersIn(overview)) expect(items).toMatch(new RegExp(`^Fl ${letter} ,`, "m"));
  });

  test.each(commands)("names the options of %s in its synopsis", (command) => {
    const own = optionsIn(help(command)).filter((name) => !optionsIn(overview).includes(name));
    const line =
      synopsis.split("\n.Nm\n").find((text) => text.replace(/^\.Nm\n/, "").startsWith(`.Cm ${command}\n`)) ?? "";
    const stated = optionsOf(line.split("\n.Pp\n")[0] ?? "");
    expect([...stated].sort()).toEqual([...own].sort());
  });

  test("has every exit status", () => {
    const documented = [...section("EXIT STATUS").matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  });

  test("has the values of options with choices", () => {
    for (const command of commands) {
      const choices = [...help(command).matchAll(/\[choices: ([^\]]+)\]/g)].flatMap(
        ([, list = ""]) => list.match(/\w+/g) ?? [],
      );
      for (const choice of choices) expect(manual).toMatch(new RegExp(`\\b(Cm|Cm \\w+ \\|) ${choice}\\b`));
    }
  });
});

const hasMandoc = spawnSync("mandoc", ["-Tlint", "-Wwarning"], { input: "" }).error === undefined;

test.skipIf(!hasMandoc).each(["man/zrepl-run.1", "man/zrepl-run.yml.5"])("%s pleases mandoc", (page) => {
  const path = new URL(`../${page}`, import.meta.url).pathname;
  expect(spawnSync("mandoc", ["-Tlint", "-Wwarning", path], { encoding: "utf8" }).stdout).toBe("");
});
