import { loadConfig } from "../config/load.ts";
import { complete, type Shell } from "./complete.ts";

export interface CompletionCall {
  /** After the hidden argument: the program's name and all words up to the cursor. */
  readonly words: readonly string[];
  readonly defaults: readonly string[];
  readonly flags: readonly string[];
  readonly config: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Answers the shell; a config that can't be read has no jobs to offer. */
export function answerShell({ words, defaults, flags, config: file, env }: CompletionCall): Promise<string[]> {
  const shells: readonly Shell[] = ["zsh", "fish"];
  const shell = shells.find((name) => env["SHELL"]?.includes(name)) ?? "bash";
  const jobs = async () => {
    try {
      return (await loadConfig({ file, env })).jobs;
    } catch {
      return [];
    }
  };
  return complete({ words, defaults, flags, shell, jobs });
}
