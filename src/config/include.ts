import { dirname, resolve } from "node:path";
import { type Files, kindOf } from "./locate.ts";
import { pointerTo } from "./places.ts";
import type { SourceFile } from "./source.ts";

/** A file that an entry of `include:` names, with the entry's JSON pointer. */
export interface IncludedFile {
  readonly path: string;
  readonly pointer: string;
}

/**
 * The files that the `include:` list of the main file names (§2.1), in its order, those of a directory by name. Relative
 * entries start at the main file's directory. Reports entries that are no `.yml` file and no directory.
 */
export async function includedFiles(
  entries: readonly string[],
  main: SourceFile,
  files: Files,
): Promise<IncludedFile[]> {
  const found: IncludedFile[] = [];
  for (const [i, entry] of entries.entries()) {
    const path = resolve(dirname(main.file), entry);
    const pointer = pointerTo("/include", i);
    const kind = await kindOf(path, files);
    if (kind === "directory") found.push(...(await ymlFilesOf(path, files)).map((path) => ({ path, pointer })));
    else if (kind !== "file") main.problem(pointer, `not a file or directory: ${path}`);
    else if (!path.endsWith(".yml")) main.problem(pointer, `include config files must end with \`.yml\`: ${path}`);
    else found.push({ path, pointer });
  }
  return found;
}

async function ymlFilesOf(directory: string, files: Files): Promise<string[]> {
  const names = (await files.list(directory)).filter((name) => name.endsWith(".yml"));
  return names.sort(byBytes).map((name) => resolve(directory, name));
}

/** Lexicographic, whatever the locale. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
