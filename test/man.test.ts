/**
 * The manual pages of commands against the program: every command and option of `--help`, and nothing else.
 *
 * A page `man/zrepl-run-*.1` documents the commands of its SYNOPSIS, which has a line for each: `.Nm zrepl-run`, `.Cm COMMAND`,
 * then exactly the command's own options. What the command does is the subsection `.Ss COMMAND` of the section COMMANDS; an
 * option is an `.It Fl -name` there or, if several commands of the page have it, in the page's section OPTIONS.
 * `zrepl-run.1` has the options of all commands, and an index with an `.It Cm COMMAND` for each command, which names its page.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EXIT } from "../src/errors.ts";
import {
  commandPages,
  commandSections,
  itemsOf,
  optionsOf,
  pageFiles,
  readPage,
  section,
  synopses,
} from "./man-pages.ts";

const OVERVIEW = "zrepl-run.1";
const manual = readPage(OVERVIEW);
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
  const [commands = ""] = text.split(/^Examples:$/m);
  return [...commands.matchAll(new RegExp(`^ {2}${program} ([\\w-]+)`, "gm"))].map(([, name = ""]) => name);
}

/** Long names in a help text, e.g. `--dry-run`. */
function optionsIn(text: string): string[] {
  return [...text.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name = ""]) => name);
}

/** Short names in a help text, e.g. `-n`. */
function lettersIn(text: string): string[] {
  return [...text.matchAll(/^ +-(\w), --/gm)].map(([, name = ""]) => name);
}

describe.skipIf(!isBuilt)("the manual pages", () => {
  const overview = isBuilt ? help() : "";
  const topLevel = commandsIn(overview);
  const commands = topLevel.flatMap((command) => {
    const children = commandsIn(help(command), command);
    return children.length === 0 ? [command] : children.map((child) => `${command} ${child}`);
  });
  const globals = new Set(optionsIn(overview));
  const ownOptions = (command: string) => optionsIn(help(command)).filter((name) => !globals.has(name));
  const documented = (page: string) => [...synopses(page).keys()].filter((command) => command !== "");

  function pageOf(command: string): string {
    const page = commandPages.find(({ text }) => synopses(text).has(command));
    if (page === undefined) throw new Error(`no page man/zrepl-run*.1 has ${command} in its synopsis`);
    return page.text;
  }

  test("describe exactly the commands that there are, each on one page", () => {
    expect(commands).toContain("run");
    expect(commandPages.flatMap(({ text }) => documented(text)).sort()).toEqual([...commands].sort());
  });

  test.each(commandPages.filter(({ file }) => file !== OVERVIEW))(
    "$file has a subsection for each of its commands",
    ({ text }) => {
      expect([...commandSections(text).keys()]).toEqual(documented(text));
    },
  );

  test("have an index of all commands in zrepl-run(1), which names their pages", () => {
    const entries = section(manual, "COMMANDS")
      .split(/^\.It Cm /m)
      .slice(1);
    const index = new Map(entries.map((entry) => [entry.slice(0, entry.indexOf("\n")), entry]));
    expect([...index.keys()]).toEqual(expect.arrayContaining(topLevel));
    expect(index.size).toBe(topLevel.length);
    for (const { file, text } of commandPages) {
      if (file === OVERVIEW) continue;
      const reference = `.Xr ${file.replace(/\.1$/, "")} 1`;
      expect(section(manual, "SEE ALSO")).toContain(reference);
      for (const command of documented(text)) expect(index.get(command.split(" ")[0] ?? "")).toContain(reference);
    }
  });

  test("describe the options of all commands in zrepl-run(1), with their letters", () => {
    const items = itemsOf(section(manual, "OPTIONS"));
    expect([...optionsOf(items)].sort()).toEqual([...globals, "no-color"].sort());
    for (const letter of lettersIn(overview)) expect(items).toMatch(new RegExp(`^Fl ${letter} ,`, "m"));
  });

  test.each(commands)("have the options of %s, and no other", (command) => {
    const page = pageOf(command);
    const own = ownOptions(command);
    expect([...optionsOf(synopses(page).get(command) ?? "")].sort()).toEqual([...own].sort());
    const items = optionsOf(itemsOf(commandSections(page).get(command) ?? ""));
    for (const option of items) expect(own).toContain(option);
    if (page === manual) return;
    const shared = optionsOf(itemsOf(section(page, "OPTIONS")));
    for (const option of own) expect([...items, ...shared]).toContain(option);
    const ofPage = documented(page).flatMap(ownOptions);
    for (const option of shared) expect(ofPage).toContain(option);
  });

  test("have every exit status", () => {
    const codes = [...section(manual, "EXIT STATUS").matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  });

  test.each(commands.filter((command) => command !== "version"))("%s has examples in its help", (command) => {
    expect(help(command)).toMatch(/^Examples:$/m);
  });

  test.each(commands)("have the values of the options of %s with choices", (command) => {
    const choices = [...help(command).matchAll(/\[choices: ([^\]]+)\]/g)].flatMap(
      ([, list = ""]) => list.match(/\w+/g) ?? [],
    );
    const text = `${pageOf(command)}\n${manual}`;
    for (const choice of choices) expect(text).toMatch(new RegExp(`\\b(Cm|Cm (\\w+ \\| )*\\w+ \\|) ${choice}\\b`));
  });
});

test("package.json has every page", () => {
  const { man } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(man).toEqual(pageFiles.map((file) => `man/${file}`));
});

const hasMandoc = spawnSync("mandoc", ["-Tlint", "-Wwarning"], { input: "" }).error === undefined;

test.skipIf(!hasMandoc).each(pageFiles)("%s pleases mandoc", (file) => {
  const path = new URL(`../man/${file}`, import.meta.url).pathname;
  expect(spawnSync("mandoc", ["-Tlint", "-Wwarning", path], { encoding: "utf8" }).stdout).toBe("");
});
