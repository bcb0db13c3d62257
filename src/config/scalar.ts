/** How zrepl's YAML reader (go-yaml v2, YAML 1.1) understands an unquoted text where a boolean or a number is expected. */
import type { Shape } from "./shape.ts";

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
const FLOAT = /^[-+]?\d*\.?\d+(?:e[-+]\d+)?$/i;

/**
 * An integer as YAML 1.1 writes it: `12`, `-3`, `1_000`, `0x1f`, `0b11`, `017` or `0o17` (octal). Of a fraction
 * (`1.5`, `08`, `1e+2`) the whole part is taken, as zrepl does.
 */
export function parseInteger(text: string): number | undefined {
  if (text.startsWith("_")) return undefined;
  const plain = text.replaceAll("_", "");
  const [, sign, binary, hex, octal, decimal] = INTEGER.exec(plain) ?? [];
  const isDecimal = decimal !== undefined && (decimal.length === 1 || !decimal.startsWith("0"));
  const whole = digits(binary, 2) ?? digits(hex, 16) ?? digits(octal, 8) ?? (isDecimal ? Number(decimal) : undefined);
  if (whole === undefined && !FLOAT.test(plain)) return undefined;
  const value = whole === undefined ? Math.trunc(Number(plain)) : sign === "-" ? -whole : whole;
  return Math.abs(value) < 2 ** 63 ? value : undefined;
}

function digits(text: string | undefined, radix: number): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, radix);
}

/** Whether an unquoted text stands for "no value". */
export function isNullText(text: string): boolean {
  return ["", "~", "null", "Null", "NULL"].includes(text);
}

const ZERO_TEXTS: Readonly<Record<string, string>> = {
  "go-duration": "0s",
  "positive-go-duration": "0s",
  bandwidth: "0 B",
  "bucket-size": "0 B",
};

/** What `KEY:` without a value means where a plain value with a default belongs; undefined = as if the key were absent. */
export function zeroOf({ type, format, default: preset }: Shape): boolean | number | string | undefined {
  if (type === "boolean") return false;
  if (preset === undefined) return undefined;
  if (type === "integer") return 0;
  return type === "string" ? (ZERO_TEXTS[format ?? ""] ?? "") : undefined;
}
