/** Log lines on stderr: for a person at a terminal, for cron's mail, or for the journal. */
import { fstatSync } from "node:fs";
import type { Writable } from "node:stream";
import type { LogRecord } from "./describe-event.ts";
import type { LogLevel } from "./events.ts";
import { formatLog, type LogFormatOptions } from "./log-format.ts";
import type { Outlet } from "./reporter.ts";

export interface StderrOutletOptions extends Omit<LogFormatOptions, "timeMs"> {
  readonly stderr: Writable;
  readonly level: LogLevel;
  /** Lines start with `<N>`, as sd-daemon(3) has it. */
  readonly priorities: boolean;
}

/** Severities of syslog(3). */
export const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

export function stderrOutlet(options: StderrOutletOptions): Outlet {
  return {
    level: options.level,
    write: (record: LogRecord, timeMs: number) => {
      const text = formatLog(record, { ...options, timeMs });
      options.stderr.write(options.priorities ? prefixLines(text, `<${SEVERITY[record.level]}>`) : `${text}\n`);
    },
  };
}

/** `prefix` before each line; where lines are all that there is, a message of several must not lose its level. */
export function prefixLines(text: string, prefix: string): string {
  return text
    .split("\n")
    .map((line) => `${prefix}${line}\n`)
    .join("");
}

/** Whether the journal reads this file descriptor: systemd says which one it connected, by device and inode. */
export function isJournal(journalStream: string | undefined, fd: number): boolean {
  if (!journalStream) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false; // closed
  }
}
