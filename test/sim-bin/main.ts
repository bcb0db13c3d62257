import { readFileSync } from "node:fs";
import { STANDARD_PROGRAMS } from "../sim/programs.ts";
import type { Result } from "../sim/result.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { runReceive } from "./receive-process.ts";
import { runSend } from "./send-process.ts";
import { StateFile } from "./state-file.ts";

/** `zfs write FS BYTES [ID]`, which real ZFS does not have: what an application does on a mounted filesystem. */
function runWrite(state: StateFile, args: readonly string[]): Result {
  const [fs = "", bytes = "0", id] = args;
  state.update((world) => new ZfsSimulator({}, world).write(fs, Number(bytes), id));
  return { stdout: "", stderr: "", exitCode: 0 };
}

function runSimple(state: StateFile, argv: readonly string[]): Result {
  const readFile = (path: string): string => readFileSync(path === "-" ? 0 : path, "utf8");
  return state.update((world) => new ZfsSimulator({ programs: STANDARD_PROGRAMS, readFile }, world).exec(argv));
}

function print({ stdout, stderr, exitCode }: Result): void {
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = exitCode;
}

/** The look-alike of `zfs` or `zpool` on the world in $ZREPL_RUN_SIM_STATE. */
export async function main(program: "zfs" | "zpool"): Promise<void> {
  const path = process.env["ZREPL_RUN_SIM_STATE"];
  if (path === undefined) throw new Error("ZREPL_RUN_SIM_STATE must name the file with the simulated world");
  const state = new StateFile(path);
  const [command, ...args] = process.argv.slice(2);
  if (program === "zfs" && command === "send") process.exitCode = await runSend(state, args);
  else if (program === "zfs" && (command === "receive" || command === "recv")) print(await runReceive(state, args));
  else if (program === "zfs" && command === "write") print(runWrite(state, args));
  else print(runSimple(state, [program, ...process.argv.slice(2)]));
}
