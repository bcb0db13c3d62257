import { GrammarError } from "./grammar-error.ts";

/**
 * Splits `host:port` as Go does: an IPv6 address stands in brackets, the host may be empty (`:8888`).
 * @throws {GrammarError}
 */
export function parseHostPort(text: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  if (match === null) throw new GrammarError(`is ${JSON.stringify(text)}; ${hint(text)}`);
  return { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}

function hint(text: string): string {
  if (!text.includes(":")) return `missing port; must be host:port, such as ${text}:8888`;
  return "must be host:port, an IPv6 address in brackets: [fe80::1]:8888";
}
