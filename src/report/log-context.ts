/** What is being worked on, for log lines that come from below and don't know: commands that are run, warnings. */
import { AsyncLocalStorage } from "node:async_hooks";

export interface LogContext {
  readonly job?: string;
  readonly filesystem?: string;
  /** `n/m` of a step. */
  readonly step?: string;
}

const storage = new AsyncLocalStorage<LogContext>();

/** Runs `body`; what it logs, at any depth, is about `context` and about what is around it. */
export function inLogContext<T>(context: LogContext, body: () => T): T {
  return storage.run({ ...storage.getStore(), ...context }, body);
}

export function logContext(): LogContext {
  return storage.getStore() ?? {};
}
