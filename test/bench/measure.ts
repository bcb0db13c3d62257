/** Running one command: its time, the CPU time of it and all its children, and what Node itself took. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Sample {
  readonly wallSec: number;
  /** User and system, of the command and all children that it waited for. */
  readonly cpuSec: number;
  /** Of Node alone; undefined where the command is not Node. */
  readonly nodeCpuSec: number | undefined;
  readonly nodePeakMib: number | undefined;
}

const USAGE_FILE = join(tmpdir(), `bench-usage-${process.pid}`);
const HOOK_FILE = join(tmpdir(), `bench-hook-${process.pid}.mjs`);
const HOOK = `import { appendFileSync } from "node:fs";
process.on("exit", () => appendFileSync(${JSON.stringify(USAGE_FILE)}, JSON.stringify(process.resourceUsage()) + "\\n"));
`;

/** bash's `time` is the only clock that also knows the children's CPU time, to a millisecond. */
const TIMED = `TIMEFORMAT='%R %U %S'; PATH=$BENCH_PATH; exec 4>&2; { time "$@" >/dev/null 2>&4; } 2>&3`;

/** @throws when the command fails: a benchmark of something that does not work is none */
export async function measure({ argv, env = {} }: Command): Promise<Sample> {
  writeFileSync(HOOK_FILE, HOOK);
  rmSync(USAGE_FILE, { force: true });
  const { PATH = "" } = process.env;
  const hook = { NODE_OPTIONS: `--import ${pathToFileURL(HOOK_FILE)}` };
  const child = spawn("bash", ["-c", TIMED, "bash", ...argv], {
    // bash itself is to be found on our PATH
    // with more certificates Node reads them all at every start, which is three times what it takes without
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: "",
      LC_ALL: "C",
      ...hook,
      ...env,
      PATH,
      BENCH_PATH: env["PATH"] ?? PATH,
    },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [, , stderr, times] = child.stdio;
  if (!stderr || !times || !("on" in times)) throw new Error("no pipes");
  const [said, timed, [code]] = await Promise.all([
    text(stderr as NodeJS.ReadableStream),
    text(times as NodeJS.ReadableStream),
    once(child, "close"),
  ]);
  if (code !== 0) throw new Error(`${argv.join(" ").slice(0, 300)} failed (${code}): ${said.slice(-2000)}`);
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = timed.trim().split(" ").map(Number);
  return { wallSec: wall, cpuSec: user + system, ...nodeUsage() };
}

function nodeUsage(): Pick<Sample, "nodeCpuSec" | "nodePeakMib"> {
  if (!existsSync(USAGE_FILE)) return { nodeCpuSec: undefined, nodePeakMib: undefined };
  const [first = "{}"] = readFileSync(USAGE_FILE, "utf8").split("\n");
  const usage = JSON.parse(first) as NodeJS.ResourceUsage;
  return { nodeCpuSec: (usage.userCPUTime + usage.systemCPUTime) / 1e6, nodePeakMib: usage.maxRSS / 1024 };
}
