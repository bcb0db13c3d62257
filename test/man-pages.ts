/** The manual pages, as the tests of the manual read them. */
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../man/", import.meta.url);

/** File names of all pages, e.g. `zrepl-run-prune.1`. */
export const pageFiles: readonly string[] = readdirSync(folder).sort();

/** A page of section 1, which documents commands. */
export interface CommandPage {
  /** `zrepl-run-prune.1`. */
  readonly file: string;
  readonly text: string;
}

export const commandPages: readonly CommandPage[] = pageFiles
  .filter((file) => file.endsWith(".1"))
  .map((file) => ({ file, text: readPage(file) }));

export function readPage(file: string): string {
  return readFileSync(new URL(file, folder), "utf8");
}

/** The text of a section such as OPTIONS; empty if the page has none. */
export function section(page: string, title: string): string {
  return page.match(new RegExp(`^\\.Sh ${title}\\n([\\s\\S]*?)(?=^\\.Sh |(?![\\s\\S]))`, "m"))?.[1] ?? "";
}

/** A page's subsections below COMMANDS, by command. */
export function commandSections(page: string): ReadonlyMap<string, string> {
  const parts = section(page, "COMMANDS")
    .split(/^\.Ss /m)
    .slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]));
}

/** A page's synopsis: command → its line. Without a command (the overview's first line) it is under "". */
export function synopses(page: string): ReadonlyMap<string, string> {
  const lines = section(page, "SYNOPSIS")
    .split(/^\.Nm(?: zrepl-run)?\n/m)
    .slice(1);
  return new Map(lines.map((line) => [line.match(/^\.Cm ([\w -]+)\n/)?.[1] ?? "", line]));
}

/** Long options that a text names. */
export function optionsOf(mdoc: string): Set<string> {
  return new Set([...mdoc.matchAll(/\bFl -([\w-]+)/g)].map(([, name = ""]) => name));
}

/** The heads of a text's list items: what it documents, apart from what it mentions. */
export function itemsOf(mdoc: string): string {
  return [...mdoc.matchAll(/^\.It (.*)$/gm)].map(([, item = ""]) => item).join("\n");
}
