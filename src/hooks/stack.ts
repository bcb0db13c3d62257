/**
 * The hook execution model (zrepl-behaviour.md §6.5): pre edges in order, the callback, post edges in reverse order. As zrepl
 * documents it, not as it does it: the post edges of hooks whose pre edge succeeded always run, also after a fatal error and
 * after a signal, so that a lock that was taken is given back.
 */
import { asError } from "../errors.ts";

export type Edge = "pre" | "post";

export interface EdgeResult {
  /** undefined = the edge succeeded. */
  readonly error?: Error | undefined;
  /** What the hook wrote, the end of it. */
  readonly output?: string;
}

export interface Hook {
  /** For messages: a path, or the type. */
  readonly name: string;
  /** Whether a failing pre edge prevents what the hook is around. */
  readonly errIsFatal: boolean;
  /** Never throws: what goes wrong is a result. */
  run(edge: Edge): Promise<EdgeResult>;
}

export type HookStatus = "ok" | "failed" | "skippedDueToPreError" | "skippedDueToFatalError";

export interface HookStep {
  readonly edge: Edge | "callback";
  /** Of an edge. */
  readonly hook?: string;
  readonly status: HookStatus;
  readonly error?: Error;
  readonly output?: string;
  readonly seconds: number;
}

export interface StackReport<T> {
  /** In order of time. */
  readonly steps: readonly HookStep[];
  readonly hadError: boolean;
  /** Something was skipped because of a fatal hook, or an interruption. */
  readonly hadFatalError: boolean;
  /** What the callback returned; undefined if it failed or was skipped. */
  readonly value: T | undefined;
  /** What the callback threw. */
  readonly thrown: unknown;
}

export interface StackOptions {
  /** After it, no further pre edge and no callback is started; post edges still are. */
  readonly interrupted: AbortSignal;
  readonly onStep?: (step: HookStep) => void;
  readonly nowMs: () => number;
}

/** Runs `callback` inside its hooks. Never throws: see `StackReport.thrown`. */
export async function runStack<T>(
  hooks: readonly Hook[],
  callback: () => Promise<T>,
  options: StackOptions,
): Promise<StackReport<T>> {
  const steps: HookStep[] = [];
  const record = (step: HookStep) => {
    steps.push(step);
    options.onStep?.(step);
  };
  const succeeded = new Set<Hook>();
  const failed = new Set<Hook>();
  let fatal = false;
  for (const hook of hooks) {
    fatal ||= options.interrupted.aborted;
    if (fatal) {
      record({ edge: "pre", hook: hook.name, status: "skippedDueToFatalError", seconds: 0 });
      continue;
    }
    const step = await runEdge(hook, "pre", options);
    record(step);
    (step.status === "ok" ? succeeded : failed).add(hook);
    if (step.status === "failed" && hook.errIsFatal) fatal = true;
  }
  const result = await runCallback(callback, fatal || options.interrupted.aborted, options, record);
  for (const hook of hooks.toReversed()) {
    if (succeeded.has(hook)) record(await runEdge(hook, "post", options));
    else {
      const status = fatal || !failed.has(hook) ? "skippedDueToFatalError" : "skippedDueToPreError";
      record({ edge: "post", hook: hook.name, status, seconds: 0 });
    }
  }
  const has = (wanted: HookStatus) => steps.some(({ status }) => status === wanted);
  return { steps, hadError: has("failed"), hadFatalError: has("skippedDueToFatalError"), ...result };
}

async function runEdge(hook: Hook, edge: Edge, { nowMs }: StackOptions): Promise<HookStep> {
  const startMs = nowMs();
  const { error, output } = await hook.run(edge);
  return {
    edge,
    hook: hook.name,
    status: error === undefined ? "ok" : "failed",
    ...(error === undefined ? {} : { error }),
    ...(output === undefined ? {} : { output }),
    seconds: (nowMs() - startMs) / 1000,
  };
}

async function runCallback<T>(
  callback: () => Promise<T>,
  skip: boolean,
  { nowMs }: StackOptions,
  record: (step: HookStep) => void,
): Promise<{ readonly value: T | undefined; readonly thrown: unknown }> {
  const startMs = nowMs();
  if (skip) {
    record({ edge: "callback", status: "skippedDueToFatalError", seconds: 0 });
    return { value: undefined, thrown: undefined };
  }
  try {
    const value = await callback();
    record({ edge: "callback", status: "ok", seconds: (nowMs() - startMs) / 1000 });
    return { value, thrown: undefined };
  } catch (thrown) {
    const error = asError(thrown);
    record({ edge: "callback", status: "failed", error, seconds: (nowMs() - startMs) / 1000 });
    return { value: undefined, thrown };
  }
}
