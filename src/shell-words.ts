/** Words for people to paste into a POSIX shell, and for lines that one reads. */

export function shellWord(word: string): string {
  return /^[\w@:./+-]+$/.test(word) ? word : quoted(word);
}

export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(" ");
}

/** Any text as one word. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
