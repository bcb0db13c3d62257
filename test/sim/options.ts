import { fail } from "./result.ts";
import { usage } from "./usage.ts";

/** Options of one command line, in getopt's sense: operands may stand between options. */
export interface Options {
  /** Flags that were given, such as `r`. */
  readonly flags: ReadonlySet<string>;
  /** Values of options with an argument, in order. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  readonly operands: readonly string[];
}

/**
 * Parses like getopt(3): `spec` is `Hpo:` style.
 * Fails with the program's own usage text.
 */
export function parseOptions(command: string, spec: string, args: readonly string[]): Options {
  const flags = new Set<string>();
  const values: Record<string, string[]> = {};
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg.length < 2 || !arg.startsWith("-")) {
      operands.push(arg);
      continue;
    }
    for (let j = 1; j < arg.length; j++) {
      const letter = arg[j] ?? "";
      const at = letter === ":" ? -1 : spec.indexOf(letter);
      if (at < 0) fail(`invalid option '${letter}'\n${usage(command)}`, 2);
      if (spec[at + 1] !== ":") {
        flags.add(letter);
        continue;
      }
      const value = arg.slice(j + 1) || args[++i];
      if (value === undefined) fail(`missing argument for '${letter}' option\n${usage(command)}`, 2);
      values[letter] = [...(values[letter] ?? []), value];
      flags.add(letter);
      break;
    }
  }
  return { flags, values, operands };
}

/** `-o name=value` options as pairs. */
export function propertyOptions(command: string, values: readonly string[] | undefined): [string, string][] {
  return (values ?? []).map((text) => {
    const eq = text.indexOf("=");
    if (eq < 0) fail(`missing '=' for property=value argument\n${usage(command)}`, 2);
    return [text.slice(0, eq), text.slice(eq + 1)];
  });
}
