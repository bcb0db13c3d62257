/** How much of a stream gets through: all, nothing, so many bytes, or a share of the whole. */
export type Cut = { readonly bytes: number } | { readonly share: number } | null;

/** One step of a conformance sequence; names are concrete, so that it can be repeated. */
export type Operation =
  | { readonly do: "exec"; readonly argv: readonly string[] }
  | { readonly do: "write"; readonly fs: string; readonly id: string; readonly bytes: number }
  | { readonly do: "pipe"; readonly send: readonly string[]; readonly recv: readonly string[]; readonly cut: Cut };

/** Stands in an argv for the resume token of a filesystem: `{token:pool/fs}`. */
export const tokenOf = (fs: string): string => `{token:${fs}}`;

/** Replaces `{token:fs}` by what `read` gives, or by `-`. */
export function fillTokens(argv: readonly string[], read: (fs: string) => string | undefined): string[] {
  return argv.map((arg) => arg.replace(/^\{token:(.*)\}$/, (_, fs: string) => read(fs) ?? "-"));
}

/** One line for a failure report; also what one can paste into a shell. */
export function describeOperation(operation: Operation): string {
  const quote = (argv: readonly string[]): string =>
    argv.map((arg) => (/^[\w@#%,./:=-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ");
  if (operation.do === "exec") return quote(operation.argv);
  if (operation.do === "write") return `write ${operation.fs} ${operation.id} ${operation.bytes}`;
  const cut = operation.cut === null ? "" : ` | cut ${JSON.stringify(operation.cut)}`;
  return `${quote(operation.send)}${cut} | ${quote(operation.recv)}`;
}

/** What an operation left behind on one side. */
export interface Outcome {
  readonly exitCodes: readonly number[];
  readonly stdout: string;
  /** Of each process. */
  readonly stderr: readonly string[];
}
