/** How zrepl's YAML reader (go-yaml v2, YAML 1.1) understands an unquoted text where a boolean or a number is expected. */

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...spellings("y", "yes", "on", "true").map((text) => [text, true] as const),
  ...spellings("n", "no", "off", "false").map((text) => [text, false] as const),
]);

function spellings(...words: string[]): string[] {
  return words.flatMap((word) => [word, word.charAt(0).toUpperCase() + word.slice(1), word.toUpperCase()]);
}

/** true or false for `yes`, `Off`, `TRUE`, `n` …; undefined for everything else, also `yEs`. */
export function parseBoolean(text: string): boolean | undefined {
  return BOOLEANS.get(text);
}

const INTEGER = /^([-+]?)(?:0b([01]+)|0x([0-9a-f]+)|0o?([0-7]+)|(\d+))$/i;

/** An integer as YAML 1.1 writes it: `12`, `-3`, `1_000`, `0x1f`, `0b11`, `017` or `0o17` (octal). */
export function parseInteger(text: string): number | undefined {
  const match = INTEGER.exec(text.replaceAll("_", ""));
  if (match === null) return undefined;
  const [, sign, binary, hex, octal, decimal] = match;
  if (decimal !== undefined && decimal.length > 1 && decimal.startsWith("0")) return undefined;
  const value = digits(binary, 2) ?? digits(hex, 16) ?? digits(octal, 8) ?? digits(decimal, 10) ?? 0;
  return sign === "-" ? -value : value;
}

function digits(text: string | undefined, radix: number): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, radix);
}

/** Whether an unquoted text stands for "no value". */
export function isNullText(text: string): boolean {
  return ["", "~", "null", "Null", "NULL"].includes(text);
}
