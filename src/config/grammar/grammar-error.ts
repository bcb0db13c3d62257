/** A text that does not follow its grammar; the message says what is wrong and what would be right. */
export class GrammarError extends Error {
  override readonly name = "GrammarError";
}

/** What is wrong with a text according to a parser, or undefined. */
export function grammarProblem(parse: (text: string) => unknown, text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof GrammarError) return error.message;
    throw error;
  }
}
