/** The story of `init`: answers from the command line, from a person, or proposed → a config, checked before it is written. */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { GlobalOptions } from "../cli-options.ts";
import { loadConfig } from "../config/load.ts";
import { DEFAULT_FILES, diskFiles } from "../config/locate.ts";
import { FailedError, UsageError } from "../errors.ts";
import { type Ask, type Terminal, withQuestions } from "./ask.ts";
import { configText, nextSteps } from "./config-text.ts";
import { defaultAnswer } from "./defaults.ts";
import {
  type Answers,
  answerProblem,
  QUESTION_TEXTS,
  QUESTIONS,
  type Question,
  SETUP_TEXTS,
  splitList,
} from "./setup.ts";
import { SETUPS, type Setup } from "./setups.ts";

export interface InitOptions extends GlobalOptions {
  readonly setup: Setup | undefined;
  readonly yes: boolean;
  readonly force: boolean;
  /** Answers from the command line. */
  readonly given: Readonly<Partial<Record<Question, string>>>;
}

export interface Surroundings extends Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names of all filesystems and volumes of this host; undefined = not known. */
  readonly datasets: () => Promise<readonly string[] | undefined>;
  /** Path of the config's schema, if it is installed. */
  readonly schema: string | undefined;
}

/** @throws {UsageError} @throws {FailedError} when the file can't be written */
export async function init(options: InitOptions, surroundings: Surroundings): Promise<void> {
  const { stdin, stdout, env, schema } = surroundings;
  const file = resolve(options.config ?? (env["ZREPL_RUN_CONFIG"] || DEFAULT_FILES[0]));
  if (!options.dryRun && !options.force && (await diskFiles.kind(file)) !== "absent")
    throw new UsageError(`${file} is there already; nothing was written`, {
      hint: "--force replaces it; -n only shows",
    });
  const datasets = (await surroundings.datasets()) ?? [];
  const isInteractive = !options.yes && stdin.isTTY && stdout.isTTY;
  const answers = isInteractive
    ? await withQuestions(surroundings, (ask) => interview(options, datasets, ask, stdout))
    : await collect(options, datasets);
  const text = configText(answers, schema);
  await check(text, file);
  if (options.dryRun) {
    stdout.write(text);
    return;
  }
  write(file, text, options.force);
  const program = options.config === undefined ? "zrepl-run" : `zrepl-run -c ${options.config}`;
  const steps = nextSteps(answers, datasets, program).map((step) => `  ${step}\n`);
  stdout.write(`${file} is written, readable by its owner only. Next:\n${steps.join("")}`);
}

async function interview(
  options: InitOptions,
  datasets: readonly string[],
  ask: Ask,
  stdout: Terminal["stdout"],
): Promise<Answers> {
  if (options.setup === undefined) stdout.write(SETUPS.map((name, i) => `  ${i + 1}  ${SETUP_TEXTS[name]}\n`).join(""));
  const choice = options.setup ?? (await ask("What is it to do?", "1", setupProblem));
  const setup = SETUPS[Number(choice) - 1] ?? SETUPS.find((name) => name === choice) ?? "snapshots";
  if (datasets.length > 0) stdout.write(`Here are: ${shorten(datasets)}\n`);
  return collect({ ...options, setup }, datasets, ask);
}

function setupProblem(answer: string): string | undefined {
  const isKnown = SETUPS.some((setup, i) => answer === setup || answer === String(i + 1));
  return isKnown ? undefined : `a number from 1 to ${SETUPS.length}`;
}

const MAX_SHOWN = 20;

function shorten(datasets: readonly string[]): string {
  const more = datasets.length > MAX_SHOWN ? `, and ${datasets.length - MAX_SHOWN} more` : "";
  return datasets.slice(0, MAX_SHOWN).join(", ") + more;
}

/** @throws {UsageError} for an answer that is wrong, or missing where nobody can be asked */
async function collect(options: InitOptions, datasets: readonly string[], ask?: Ask): Promise<Answers> {
  const { setup } = options;
  if (setup === undefined)
    throw new UsageError("which setup? nobody can be asked here", { hint: `--setup ${SETUPS.join("|")}` });
  const answers: Partial<Record<Question, string>> = {};
  for (const question of QUESTIONS[setup]) {
    const given = options.given[question];
    const proposal = defaultAnswer(question, setup, datasets);
    const problemOf = (text: string) => answerProblem(question, text);
    if (given === undefined && ask !== undefined) {
      answers[question] = await ask(QUESTION_TEXTS[question], proposal, problemOf);
      continue;
    }
    const text = given ?? proposal;
    const problem = problemOf(text);
    if (problem !== undefined) throw new UsageError(`${optionOf(question)}: ${problem}`);
    answers[question] = text;
  }
  const unused = Object.keys(options.given).find((question) => answers[question as Question] === undefined);
  if (unused !== undefined) throw new UsageError(`${optionOf(unused as Question)} is of no use for --setup ${setup}`);
  return {
    setup,
    filesystems: splitList(answers.filesystems ?? ""),
    rootFs: answers.rootFs ?? "",
    host: answers.host ?? "",
    user: answers.user ?? "",
    identityFile: answers.identityFile ?? "",
    clients: splitList(answers.clients ?? ""),
    interval: answers.interval ?? "",
  };
}

function optionOf(question: Question): string {
  return `--${question.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What we write must load. @throws {ConfigError} */
async function check(text: string, file: string): Promise<void> {
  const files = { ...diskFiles, kind: async () => "file" as const, read: async () => text };
  await loadConfig({ file, env: {}, files });
}

function write(file: string, text: string, force: boolean): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const first = force ? `${file}.new` : file;
    writeFileSync(first, text, { mode: 0o600, flag: force ? "w" : "wx" });
    if (force) renameSync(first, file);
  } catch (error) {
    throw new FailedError(`cannot write ${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
