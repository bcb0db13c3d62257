import type { Pattern } from "../config.ts";
import { GrammarError } from "./grammar-error.ts";

/** Compiles RE2 regexes; one and the same Pattern for one and the same source. @throws {GrammarError} */
export type PatternCompiler = (source: string) => Pattern;

/** No more of `*` and `+` than this go to RegExp: its run time is a power of their number. */
const MAX_UNBOUNDED = 2;

/** A character that means itself, an escaped one, `.` or a class of plain characters and ranges. */
const ATOM = String.raw`[\w \-:%@#,=<>~!"'&;/]|\\[.^$*+?()[\]{}|/\\]|\.|\[\^?[0-9A-Za-z_:. ]+\]|\[\^?(?:0-9|a-z|A-Z|[0-9A-Za-z_:. ])+-?\]`;
const TOKEN = new RegExp(
  String.raw`(?<atom>${ATOM})(?<repeat>[*+?]?)|(?<open>\((?:\?:)?)|(?<close>\))|(?<other>[\^$|])`,
  "y",
);

/**
 * Whether a regex means the same to RE2 and to JavaScript and is harmless there, so that the RE2 library needs not be
 * loaded: plain ASCII characters, `.`, simple classes, `^`, `$`, `|`, groups without repetition, few repetitions.
 */
export function isPlainRegex(source: string): boolean {
  let depth = 0;
  let unbounded = 0;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < source.length; ) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined) return false;
    if (groups["open"]) depth++;
    if (groups["close"] && --depth < 0) return false;
    if (groups["repeat"] === "*" || groups["repeat"] === "+") unbounded++;
    if (TOKEN.lastIndex === at) return false;
  }
  return depth === 0 && unbounded <= MAX_UNBOUNDED;
}

/**
 * A compiler for these regexes, with Go's RE2 semantics: unanchored search, `$` only at the very end, `.` any character
 * but a newline. Loads the RE2 library only if one of the sources needs it.
 */
export async function loadPatternCompiler(sources: Iterable<string>): Promise<PatternCompiler> {
  const needed = [...sources].some((source) => !isPlainRegex(source));
  const compileRe2 = needed ? await loadRe2() : undefined;
  const compiled = new Map<string, Pattern>();
  return (source) => {
    const known = compiled.get(source);
    if (known !== undefined) return known;
    const pattern = isPlainRegex(source) ? compilePlain(source) : compileRe2?.(source);
    if (pattern === undefined) throw new Error(`regex ${source} was not announced to loadPatternCompiler`);
    compiled.set(source, pattern);
    return pattern;
  };
}

/** `.` is spelled out, as JavaScript's stops at more kinds of line ends than RE2's; `u` makes both count code points. */
function compilePlain(source: string): Pattern {
  const regex = new RegExp(
    source.replace(/\\.|\[[^\]]*\]|\./g, (token) => (token === "." ? "[^\\n]" : token)),
    "u",
  );
  return { source, test: (name) => regex.test(name) };
}

async function loadRe2(): Promise<PatternCompiler> {
  const { RE2JS, RE2JSException } = await import("re2js");
  return (source) => {
    try {
      const regex = RE2JS.compile(source);
      return { source, test: (name) => regex.matcher(name).find() };
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      const reason = error.message.replace(/^error parsing regexp: /, "");
      throw new GrammarError(`is not a regex that RE2 understands: ${reason}`);
    }
  };
}
