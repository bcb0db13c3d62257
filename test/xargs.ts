/** Stands in for xargs where there are no processes: the commands that it would start, each through the runner itself. */
import type { CommandResult, Runner } from "../src/zfs/runner.ts";

const FAILED = 123;

/** @returns undefined for any other command */
export async function runXargs(
  runner: Pick<Runner, "run">,
  argv: readonly string[],
  input = "",
): Promise<CommandResult | undefined> {
  const [program, ...rest] = argv;
  if (program !== "xargs") return undefined;
  const command = rest.slice(rest.indexOf("zfs"));
  if (rest.slice(0, 3).join(" ") !== "-0 -n 1" || command[0] !== "zfs")
    throw new Error(`not done here: ${argv.join(" ")}`);
  let stderr = "";
  let exitCode = 0;
  for (const argument of input.split("\0").slice(0, -1)) {
    const result = await runner.run([...command, argument]);
    stderr += result.stderr;
    if (result.exitCode !== 0) exitCode = FAILED;
  }
  return { exitCode, stdout: "", stderr };
}
