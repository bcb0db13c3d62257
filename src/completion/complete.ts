/** What the shell may offer for the word under the cursor: what yargs knows of commands and options, and names of jobs. */
import type { Job } from "../config/config.ts";

export type Shell = "bash" | "zsh" | "fish";

export interface CompletionRequest {
  /** All words, the program's name first; the last one is to be completed. */
  readonly words: readonly string[];
  /** yargs's own answer: commands, options, or values of an option; with descriptions as the shell wants them. */
  readonly defaults: readonly string[];
  /** Names of options without a value, without hyphens. */
  readonly flags: readonly string[];
  readonly shell: Shell;
  /** Only asked for where a job can stand. */
  readonly jobs: () => Promise<readonly Pick<Job, "name" | "type">[]>;
}

/** Types of jobs that a command works on; commands that are not here take any. */
const JOB_TYPES: Readonly<Record<string, readonly Job["type"][]>> = {
  run: ["snap", "push", "pull", "source"],
  snap: ["snap", "push", "source"],
  push: ["push"],
  pull: ["pull"],
};

/** Commands after which no job's name can stand, of one or two words. */
const WITHOUT_JOBS = ["configcheck", "init", "migrate config", "test placeholder", "test resume-token", "version"];

/** Options whose value is a job's name. */
const JOB_OPTIONS = ["--job", "--socket"];

/** Empty where the shell should offer files. */
export async function complete(request: CompletionRequest): Promise<string[]> {
  const { words, defaults, flags, shell } = request;
  const current = words.at(-1) ?? "";
  const previous = words.at(-2) ?? "";
  const fits = (item: string) => textOf(item, shell).startsWith(current);
  if (JOB_OPTIONS.includes(previous)) return (await jobItems(request, [])).filter(fits);
  if (takesValue(previous, flags)) return defaults.filter((item) => !item.startsWith("-")).filter(fits);
  if (current.startsWith("-")) return defaults.filter((item) => isOption(textOf(item, shell))).filter(fits);
  const positionals = words.slice(1, -1).filter((word, i, all) => !isPartOfOption(word, all[i - 1] ?? "", flags));
  const [command = "", second = ""] = positionals;
  // commands of a command, or what a word without an option may be
  const commands = defaults.filter((item) => !item.startsWith("-"));
  if (commands.length > 0) return commands.filter(fits);
  if ([command, `${command} ${second}`].some((name) => WITHOUT_JOBS.includes(name))) return [];
  return (await jobItems(request, positionals, JOB_TYPES[command])).filter(fits);
}

async function jobItems(
  { jobs, shell }: CompletionRequest,
  given: readonly string[],
  types?: readonly Job["type"][],
): Promise<string[]> {
  const names = (await jobs()).filter(({ type }) => types?.includes(type) ?? true).map(({ name }) => name);
  return names.filter((name) => !given.includes(name)).map((name) => (shell === "zsh" ? escapeColons(name) : name));
}

function takesValue(word: string, flags: readonly string[]): boolean {
  if (!word.startsWith("-") || word === "-" || word.includes("=")) return false;
  return !flags.includes(word.replace(/^--?(no-)?/, ""));
}

function isPartOfOption(word: string, previous: string, flags: readonly string[]): boolean {
  return word.startsWith("-") || takesValue(previous, flags);
}

/** yargs offers letters with two hyphens too. */
function isOption(word: string): boolean {
  return !/^--.$/.test(word);
}

/** An item without its description. */
function textOf(item: string, shell: Shell): string {
  if (shell === "fish") return item.split("\t")[0] ?? "";
  return shell === "zsh" ? item.replace(/(?<!\\):.*$/s, "").replaceAll("\\:", ":") : item;
}

function escapeColons(name: string): string {
  return name.replaceAll(":", "\\:");
}
