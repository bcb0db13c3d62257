/** What runs first, and the one place that turns errors into exit codes. */
import { COMPLETION_ARGUMENT } from "./completion/argument.ts";
import { versionText } from "./version.ts";

async function main(args: readonly string[]): Promise<void> {
  // the one command that needs no parser, which is most of its start-up
  if (args.length === 1 && args[0] === "version") {
    process.stdout.write(versionText());
    return;
  }
  const [{ commandOf, program }, { reportAlarm, reportFailure, reportSuccess }] = await Promise.all([
    import("./program.ts"),
    import("./report-failure.ts"),
  ]);
  const json = args.includes("--json");
  try {
    await program(args).parseAsync();
    reportSuccess(json, process.stdout);
  } catch (error) {
    if (args[0] === COMPLETION_ARGUMENT) return; // of a command line that is not finished
    process.exitCode =
      commandOf(args) === "monitor" ? reportAlarm(error, json, process.stdout) : reportFailure(error, json, process);
  }
}

await main(process.argv.slice(2));
