/** Questions on a terminal: a line of text each, so that a screen reader can follow. */
import { createInterface } from "node:readline/promises";
import { InterruptedError, UsageError } from "../errors.ts";

export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/** Asks until the answer is good; an empty one means the proposal. */
export type Ask = (
  question: string,
  proposal: string,
  problemOf: (answer: string) => string | undefined,
) => Promise<string>;

/** @throws {InterruptedError} for Ctrl-C @throws {UsageError} when the input ends */
export async function withQuestions<T>({ stdin, stdout }: Terminal, body: (ask: Ask) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const lines = createInterface({ input: stdin, output: stdout });
  lines.on("SIGINT", () => stop.abort(new InterruptedError("SIGINT")));
  lines.on("close", () => stop.abort(new UsageError("the input ended before the last answer; nothing was written")));
  const ask: Ask = async (question, proposal, problemOf) => {
    for (;;) {
      const prompt = `${question}${proposal === "" ? "" : ` [${proposal}]`} `;
      const answer = (await lines.question(prompt, { signal: stop.signal })).trim() || proposal;
      const problem = problemOf(answer);
      if (problem === undefined) return answer;
      stdout.write(`  ${problem}\n`);
    }
  };
  try {
    return await body(ask);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    lines.removeAllListeners("close").close();
  }
}
