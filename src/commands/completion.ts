import type { Argv, FallbackCompletionFunction } from "yargs";
import type { GlobalOptions } from "../cli-options.ts";
import { COMPLETION_ARGUMENT } from "../completion/argument.ts";
import type { Shell } from "../completion/complete.ts";

const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** Adds `zrepl-run completion`, and what the scripts that it prints ask for; the work is in src/completion. */
export function addCompletion(cli: Argv<GlobalOptions>) {
  return answerRequests(cli).command(
    "completion <shell>",
    "Print the completion script of a shell",
    (command) =>
      command
        .positional("shell", { choices: SHELLS, demandOption: true, describe: "bash, zsh or fish" })
        .example('eval "$($0 completion bash)"', "in ~/.bashrc")
        .example("$0 completion fish | source", "in ~/.config/fish/config.fish"),
    async ({ shell }) => {
      const { completionScript } = await import("../completion/scripts.ts");
      process.stdout.write(completionScript(shell));
    },
  );
}

/** yargs recognizes the hidden argument, and finds what can be said of commands and options. */
function answerRequests(cli: Argv<GlobalOptions>): Argv<GlobalOptions> {
  const { argv, env, stdout } = process;
  let isAnswered = false; // yargs asks again after each command of a command
  const answer: FallbackCompletionFunction = (_current, given, defaultsOf, _done) => {
    defaultsOf(async (_error, defaults) => {
      if (isAnswered) return;
      isAnswered = true;
      const { answerShell } = await import("../completion/run.ts");
      const config = typeof given["config"] === "string" ? given["config"] : undefined;
      const words = argv.slice(argv.indexOf(COMPLETION_ARGUMENT) + 1);
      const lines = await answerShell({ words, defaults: defaults ?? [], flags: flagsOf(cli), config, env });
      // yargs would go on and check the unfinished command line
      stdout.write(lines.map((line) => `${line}\n`).join(""), () => process.exit(0));
    });
  };
  // a command of yargs's own has this name; it prints a script and has no place here
  return cli.completion("yargs-completion-script", false, answer);
}

/** Options without a value, of the command that yargs is at. */
function flagsOf(cli: Argv<GlobalOptions>): readonly string[] {
  const { getOptions } = cli as unknown as { getOptions: () => { readonly boolean: readonly string[] } };
  return [...getOptions.call(cli).boolean];
}
