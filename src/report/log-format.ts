/** zrepl's three log formats (zrepl-behaviour.md §2.13). Pure. */
import type { LogRecord } from "./describe-event.ts";
import type { LogLevel } from "./events.ts";

export type LogFormat = "human" | "logfmt" | "json";

export interface LogFormatOptions {
  readonly logFormat: LogFormat;
  /** Whether the human format starts with the time; a terminal and the journal do without. */
  readonly time: boolean;
  readonly timeMs: number;
  readonly paint: (level: LogLevel, text: string) => string;
}

const LEVEL_TAG: Record<LogLevel, string> = { debug: "DEBG", info: "INFO", warn: "WARN", error: "ERRO" };

export function formatLog(record: LogRecord, options: LogFormatOptions): string {
  const time = new Date(options.timeMs).toISOString();
  switch (options.logFormat) {
    case "human": {
      const tags = [options.paint(record.level, LEVEL_TAG[record.level]), record.job, record.subsystem];
      const brackets = tags.flatMap((tag) => (tag === undefined ? [] : `[${tag}]`)).join("");
      const fields = Object.entries(record.fields ?? {}).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
      return `${options.time ? `${time} ` : ""}${brackets}: ${record.message}${fields.join("")}`;
    }
    case "logfmt": {
      const pairs = { level: record.level, time, ...named(record), msg: record.message, ...record.fields };
      return Object.entries(pairs)
        .map(([key, value]) => `${key}=${logfmtValue(value)}`)
        .join(" ");
    }
    case "json":
      return JSON.stringify({ level: record.level, time, ...named(record), msg: record.message, ...record.fields });
  }
}

function named({ job, subsystem, filesystem, step }: LogRecord): Record<string, string> {
  const pairs = Object.entries({ job, subsystem, filesystem, step });
  return Object.fromEntries(pairs.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function logfmtValue(value: string | number | boolean): string {
  const text = String(value);
  return /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}
