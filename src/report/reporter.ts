/** Where events go: results to stdout, logs and progress to stderr (design.md §3). */
import type { Writable } from "node:stream";
import { describeEvent, type LogRecord } from "./describe-event.ts";
import type { Event, LogLevel, Reporter } from "./events.ts";
import { logContext } from "./log-context.ts";
import type { ProgressBoard } from "./progress-board.ts";

export interface ReporterOptions {
  readonly stdout: Writable;
  /** JSON Lines of all events on stdout instead of text. */
  readonly json: boolean;
  /** Of the log events of `--json`. */
  readonly logLevel: LogLevel;
  readonly quiet: boolean;
  readonly outlets: readonly Outlet[];
  /** Colours results on stdout; absent = none. */
  readonly paintPlan?: Reporter["paintPlan"];
  readonly board: ProgressBoard;
  readonly display: ProgressDisplay | undefined;
  /** Told of every event, e.g. to count. */
  readonly observe?: (event: Event) => void;
  readonly nowMs: () => number;
}

/** Where log lines go. Never throws, never waits. */
export interface Outlet {
  readonly level: LogLevel;
  write(record: LogRecord, timeMs: number): void;
}

/** The live picture of the progress board on a terminal. */
export interface ProgressDisplay {
  /** The board has changed. */
  changed(): void;
  /** Runs `write` with the picture out of the way. */
  around(write: () => void): void;
  stop(): void;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createReporter(options: ReporterOptions): Reporter {
  const shown = Math.max(RANK[options.logLevel], options.quiet ? RANK.warn : RANK.debug);
  const around = (write: () => void) => (options.display === undefined ? write() : options.display.around(write));
  const log = (record: LogRecord) => {
    const timeMs = options.nowMs();
    around(() => {
      for (const outlet of options.outlets) if (RANK[record.level] >= RANK[outlet.level]) outlet.write(record, timeMs);
    });
  };
  const stepOver = (filesystem: string, bytes: number | undefined) => {
    options.board.stepEnded(filesystem, bytes);
    options.display?.changed();
  };
  return {
    wantsText: !options.json,
    paintPlan: options.paintPlan,
    emit: (given) => {
      const event = withContext(given);
      options.observe?.(event);
      if (event.event === "stepDone") stepOver(event.filesystem, event.bytes);
      // With --json, logs obey --log-level like text; results are always there.
      if (options.json && (event.event !== "log" || RANK[event.level] >= shown))
        options.stdout.write(`${JSON.stringify(event)}\n`);
      const described = describeEvent(event);
      if (described.result !== undefined && !options.json && !(options.quiet && described.result.optional))
        around(() => options.stdout.write(`${described.result?.text}\n`));
      if (described.log !== undefined) log(described.log);
    },
    planned: (_job, steps) => options.board.expect(steps),
    progress: (progress) => {
      options.board.update(progress, options.nowMs());
      options.display?.changed();
    },
    stepFailed: (filesystem) => stepOver(filesystem, undefined),
  };
}

function withContext(event: Event): Event {
  if (event.event !== "log") return event;
  const { event: kind, level, ...rest } = event;
  return { event: kind, level, ...logContext(), ...rest };
}
