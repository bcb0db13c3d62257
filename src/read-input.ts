import { readFileSync } from "node:fs";
import { UsageError } from "./errors.ts";

/** The text of a file that the command line names; `-` is stdin. @throws {UsageError} */
export function readInput(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
