import { readFileSync } from "node:fs";

/** Recorded output of a real zfs program, without the first line, which says of which command and release. */
export function fixture(name: string): string {
  const text = readFileSync(new URL(`../fixtures/zfs/${name}.txt`, import.meta.url), "utf8");
  if (!/^# .*\(?zfs.*\n/.test(text)) throw new Error(`${name}: the first line must say where it comes from`);
  return text.slice(text.indexOf("\n") + 1);
}

/** One of the recorded failures of errors.txt. */
export interface RecordedFailure {
  readonly reason: string;
  readonly command: string;
  readonly stderr: string;
}

export function recordedFailures(): RecordedFailure[] {
  const blocks = fixture("errors").split(/^(?=\[)/m);
  return blocks.flatMap((block) => {
    const match = /^\[(\S+)\] \$ (.*)\n([\s\S]*)$/.exec(block);
    if (match === null) return [];
    const [, reason = "", command = "", stderr = ""] = match;
    return [{ reason, command, stderr: `${stderr.trimEnd()}\n` }];
  });
}
