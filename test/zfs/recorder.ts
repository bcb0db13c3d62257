/** Counts the processes that an invocation starts: a `zfs`, `zpool` and `ssh` on PATH that write down how they are called. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

const PROGRAMS = ["zfs", "zpool", "ssh"] as const;

export interface Recorder {
  /** The environment of a program whose processes are to be counted. */
  readonly env: Readonly<Record<string, string>>;
  /** The calls since the last time, as `program first-argument`, each with its number. */
  take(): Record<string, number>;
}

export async function newRecorder(dir: string): Promise<Recorder> {
  const bin = join(dir, "recording");
  const file = join(dir, "recorded");
  mkdirSync(bin, { recursive: true });
  for (const program of PROGRAMS) {
    const { stdout: real } = await execa("sh", ["-c", `command -v ${program}`]);
    const wrapper = join(bin, program);
    writeFileSync(wrapper, `#!/bin/sh\necho "${program} $1" >>'${file}'\nexec '${real}' "$@"\n`);
    chmodSync(wrapper, 0o755);
  }
  return {
    env: { PATH: `${bin}:${process.env["PATH"]}` },
    take: () => {
      const calls = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
      rmSync(file, { force: true });
      const counts: Record<string, number> = {};
      for (const call of calls) counts[call] = (counts[call] ?? 0) + 1;
      return counts;
    },
  };
}

/** Of calls of some programs, or of all. */
export function total(calls: Readonly<Record<string, number>>, ...programs: readonly string[]): number {
  return Object.entries(calls)
    .filter(([call]) => programs.length === 0 || programs.includes(call.split(" ", 1)[0] ?? ""))
    .reduce((sum, [, number]) => sum + number, 0);
}
