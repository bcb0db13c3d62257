import { fail } from "./result.ts";

/** A name split at its delimiter. `tail` is the part after `@` or `#`. */
export interface SplitName {
  readonly fs: string;
  readonly delimiter: "@" | "#" | "";
  readonly tail: string;
}

/** Splits `fs@snap`, `fs#bookmark` or `fs` at the first delimiter. */
export function splitName(name: string): SplitName {
  const at = name.search(/[@#]/);
  if (at < 0) return { fs: name, delimiter: "", tail: "" };
  return { fs: name.slice(0, at), delimiter: name[at] === "@" ? "@" : "#", tail: name.slice(at + 1) };
}

/** `tank/a/b` → `tank/a`; undefined for a pool. */
export function parentName(name: string): string | undefined {
  const slash = name.lastIndexOf("/");
  return slash < 0 ? undefined : name.slice(0, slash);
}

export const poolOf = (name: string): string => name.split(/[/@#]/, 1)[0] ?? "";

/** True if `name` is `ancestor` or lies below it. */
export function isWithin(name: string, ancestor: string): boolean {
  return name === ancestor || (name.startsWith(ancestor) && name[ancestor.length] === "/");
}

const VALID_COMPONENT = /^[0-9a-zA-Z\-_.: %]*$/;

function componentProblem(name: string): string | undefined {
  const split = splitName(name);
  if (name.length >= 256) return "name is too long";
  if (name.startsWith("/")) return "leading slash in name";
  if (name.endsWith("/")) return "trailing slash in name";
  if (/[@#]/.test(split.tail)) return "multiple '@' and/or '#' delimiters in name";
  if (split.delimiter !== "" && split.tail.includes("/")) return "trailing slash in name";
  const parts = [...split.fs.split("/"), ...(split.delimiter === "" ? [] : [split.tail])];
  for (const part of parts) {
    if (part === "") return "empty component or misplaced '@' or '#' delimiter in name";
    if (!VALID_COMPONENT.test(part)) {
      const bad = [...part].find((char) => !VALID_COMPONENT.test(char));
      return `invalid character '${bad}' in name`;
    }
    if (part === ".") return "self reference, '.' is found in name";
    if (part === "..") return "parent reference, '..' is found in name";
  }
  return /^[a-zA-Z]/.test(name) ? undefined : "name must begin with a letter";
}

/** What libzfs says about a bad name, or undefined. Mirrors zfs_validate_name(). */
export function nameProblem(
  name: string,
  allow: {
    readonly fs?: boolean;
    readonly snapshot?: boolean;
    readonly bookmark?: boolean;
    readonly modifying?: boolean;
  },
): string | undefined {
  if (!allow.snapshot && name.includes("@")) return "snapshot delimiter '@' is not expected here";
  if (!allow.bookmark && name.includes("#")) return "bookmark delimiter '#' is not expected here";
  const problem = componentProblem(name);
  if (problem !== undefined) return problem;
  if (!allow.fs && allow.snapshot && !allow.bookmark && !name.includes("@"))
    return "missing '@' delimiter in snapshot name";
  if (!allow.fs && allow.bookmark && !allow.snapshot && !name.includes("#"))
    return "missing '#' delimiter in bookmark name";
  if (allow.modifying && name.includes("%")) return "invalid character % in name";
  return undefined;
}

/** Fails with `prefix: problem` if the name is bad. */
export function checkName(name: string, prefix: string, allow: Parameters<typeof nameProblem>[1]): void {
  const problem = nameProblem(name, allow);
  if (problem !== undefined) fail(`${prefix}: ${problem}`);
}
