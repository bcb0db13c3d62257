/** What `init` needs to know for a config. */

import { parsePositiveDuration } from "../config/grammar/duration.ts";
import { filterPatternProblem } from "../config/grammar/filter.ts";
import { GrammarError } from "../config/grammar/grammar-error.ts";
import { componentProblem, filesystemNameProblem } from "../zfs/name.ts";
import type { Setup } from "./setups.ts";

/** In a line, for who has to choose. */
export const SETUP_TEXTS: Readonly<Record<Setup, string>> = {
  snapshots: "snapshots on this host, and nothing else",
  local: "a replica on a second pool of this host",
  push: "this host sends to a backup host, over ssh",
  sink: "this is the backup host that others send to",
  pull: "this is the backup host, and fetches from another host, over ssh",
  source: "this host is fetched from by a backup host",
};

export interface Answers {
  readonly setup: Setup;
  /** `tank/home<`, and `!tank/home/tmp<` for what is not meant. */
  readonly filesystems: readonly string[];
  readonly rootFs: string;
  readonly host: string;
  readonly user: string;
  readonly identityFile: string;
  readonly clients: readonly string[];
  readonly interval: string;
}

export type Question = Exclude<keyof Answers, "setup">;

/** The questions of a setup, in their order. */
export const QUESTIONS: Readonly<Record<Setup, readonly Question[]>> = {
  snapshots: ["filesystems", "interval"],
  local: ["filesystems", "rootFs", "interval"],
  push: ["filesystems", "host", "user", "identityFile", "interval"],
  sink: ["rootFs", "clients"],
  pull: ["host", "user", "identityFile", "rootFs", "interval"],
  source: ["filesystems", "clients", "interval"],
};

export const QUESTION_TEXTS: Readonly<Record<Question, string>> = {
  filesystems: "Which filesystems? `<` after a name: and all below; `!` before it: not this one; commas between",
  rootFs: "Below which filesystem do the replicas go?",
  host: "The other host?",
  user: "The user there?",
  identityFile: "The file with the ssh key?",
  clients: "The names by which the other hosts are known here? commas between",
  interval: "How often?",
};

/** A list as it is typed. */
export function splitList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** What is wrong with an answer, or undefined. */
export function answerProblem(question: Question, text: string): string | undefined {
  const parts = splitList(text);
  if (parts.length === 0) return "an answer is needed";
  switch (question) {
    case "filesystems":
      return parts.every((part) => part.startsWith("!"))
        ? "name at least one filesystem"
        : firstProblem(parts, (part) => filterPatternProblem(part.replace(/^!/, "")));
    case "rootFs":
      return firstProblem([text], filesystemNameProblem);
    case "clients":
      return firstProblem(parts, componentProblem);
    case "interval":
      return durationProblem(text);
    case "host":
    case "user":
      return /^[^\s-]\S*$/.test(text) ? undefined : `${JSON.stringify(text)} is not a name`;
    case "identityFile":
      return text.startsWith("/") ? undefined : "it must be an absolute path";
  }
}

function firstProblem(parts: readonly string[], problemOf: (part: string) => string | undefined): string | undefined {
  for (const part of parts) {
    const problem = problemOf(part);
    if (problem !== undefined) return `${JSON.stringify(part)} ${problem}`;
  }
  return undefined;
}

function durationProblem(text: string): string | undefined {
  try {
    parsePositiveDuration(text);
    return undefined;
  } catch (error) {
    if (error instanceof GrammarError) return error.message;
    throw error;
  }
}
