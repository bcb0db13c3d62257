/** Unit files on disk. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FailedError } from "../errors.ts";
import { UNIT_HEAD, type UnitFile } from "./plan.ts";

export type Installed = "new" | "changed" | "unchanged";

/**
 * Writes unit files into `dir`; checks all before it writes one.
 * @throws {FailedError} for a file there that somebody else wrote, or if one can't be written
 */
export function installUnits(dir: string, files: readonly UnitFile[]): Map<string, Installed> {
  const before = files.map((file) => ({ file, text: readIfThere(join(dir, file.name)) }));
  for (const { file, text } of before)
    if (text !== undefined && !text.startsWith(UNIT_HEAD))
      throw new FailedError(`${join(dir, file.name)} was not written by zrepl-run; nothing was installed`, {
        hint: "move it away, or print the units and compare",
      });
  try {
    mkdirSync(dir, { recursive: true });
    return new Map(before.map(({ file, text }) => [file.name, write(dir, file, text)]));
  } catch (error) {
    throw new FailedError(`cannot write units to ${dir}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function write(dir: string, { name, text }: UnitFile, before: string | undefined): Installed {
  if (before === text) return "unchanged";
  const temporary = join(dir, `.${name}.new`);
  writeFileSync(temporary, text, { mode: 0o644 });
  renameSync(temporary, join(dir, name));
  return before === undefined ? "new" : "changed";
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new FailedError(`cannot read ${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
