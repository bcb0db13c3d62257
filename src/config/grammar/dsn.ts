import { DsnError } from "../../hooks/postgres-dsn.ts";

/** What is wrong with a database hook's connection string. It may hold a password: messages must not show all of it. */
export function dsnProblem(parse: (text: string) => unknown, text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof DsnError) return error.message;
    throw error;
  }
}
