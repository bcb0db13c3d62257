/** Takes the snapshots of a plan: groups atomically, hooked ones inside their hooks. */
import type { SnapshotOptions } from "../config/config.ts";
import { buildHook } from "../hooks/build.ts";
import { hookType } from "../hooks/command-hook.ts";
import { reportHookLine, reportHookStep } from "../hooks/report.ts";
import { runStack } from "../hooks/stack.ts";
import type { Invocation } from "../invocation.ts";
import { chunkArguments } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { takeSnapshots } from "../zfs/snapshot.ts";
import type { HookedSnapshot, PlannedSnapshot, SnapPlan } from "./plan.ts";

export interface SnapResult {
  readonly taken: number;
  readonly failed: number;
}

interface Failure {
  readonly filesystem: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

export async function executeSnapshots(
  job: string,
  plan: SnapPlan,
  options: Pick<SnapshotOptions, "tags">,
  invocation: Invocation,
): Promise<SnapResult> {
  const { reporter } = invocation;
  const tags = options.tags ?? {};
  let taken = 0;
  const failed = new Set<string>();
  const fail = ({ filesystem, message, hint }: Failure) => {
    failed.add(filesystem);
    const failure = { job, filesystem, message, ...(hint === undefined ? {} : { hint }) };
    reporter.emit({ event: "filesystemFailed", phase: "snapshot", temporary: false, ...failure });
  };
  const succeed = ({ filesystem, name }: PlannedSnapshot) => {
    taken++;
    reporter.emit({ event: "snapshotTaken", job, filesystem, name });
  };
  for (const { filesystem, problem } of plan.impossible) fail({ filesystem, message: problem });
  for (const group of plan.groups) {
    const result = await takeGroup(group, tags, invocation);
    result.done.forEach(succeed);
    result.failed.forEach(fail);
  }
  for (const snapshot of plan.hooked) {
    const { done, failures } = await takeHooked(job, snapshot, tags, invocation);
    if (done) succeed(snapshot);
    failures.forEach(fail);
  }
  return { taken, failed: failed.size };
}

interface GroupResult {
  readonly done: PlannedSnapshot[];
  readonly failed: Failure[];
}

type Tags = Readonly<Record<string, string>>;

/** All of a group at once; if zfs refuses, one by one, so that one bad filesystem does not cost the others' snapshots. */
async function takeGroup(
  group: readonly PlannedSnapshot[],
  tags: Tags,
  { runner, interrupted }: Invocation,
): Promise<GroupResult> {
  const result: GroupResult = { done: [], failed: [] };
  const byName = new Map(group.map((snapshot) => [`${snapshot.filesystem}@${snapshot.name}`, snapshot]));
  const attempt = async (names: readonly string[]) => {
    try {
      await takeSnapshots(runner, names, tags);
      result.done.push(...names.flatMap((name) => byName.get(name) ?? []));
      return undefined;
    } catch (error) {
      interrupted.throwIfAborted();
      if (error instanceof ZfsCommandError) return error;
      throw error;
    }
  };
  for (const chunk of chunkArguments([...byName.keys()])) {
    const error = await attempt(chunk);
    if (error === undefined) continue;
    for (const name of chunk) {
      const single = chunk.length === 1 ? error : await attempt([name]);
      const filesystem = byName.get(name)?.filesystem ?? name;
      if (single !== undefined) result.failed.push({ filesystem, message: single.message, hint: single.hint });
    }
  }
  return result;
}

/** A hook that failed makes the filesystem failed, as in zrepl, also if its snapshot was taken. */
async function takeHooked(
  job: string,
  snapshot: HookedSnapshot,
  tags: Tags,
  invocation: Invocation,
): Promise<{ readonly done: boolean; readonly failures: readonly Failure[] }> {
  const { filesystem, name } = snapshot;
  const { reporter, interrupted, nowMs } = invocation;
  const report = await runStack(
    snapshot.hooks.map((hook) => buildHook(hook, hookContext(job, snapshot, false, invocation))),
    () => takeSnapshots(invocation.runner, [`${filesystem}@${name}`], tags),
    { interrupted, nowMs, onStep: (step) => reportHookStep(job, HOOK_TYPES, step, reporter, filesystem) },
  );
  interrupted.throwIfAborted();
  if (report.thrown !== undefined && !(report.thrown instanceof ZfsCommandError)) throw report.thrown;
  const failures = report.steps.flatMap(({ edge, hook, error }) => {
    if (error === undefined) return [];
    const message = edge === "callback" ? error.message : `${HOOK_TYPES[edge]} hook ${hook}: ${error.message}`;
    return [{ filesystem, message }];
  });
  const done = report.steps.some(({ edge, status }) => edge === "callback" && status === "ok");
  if (!done && report.thrown === undefined)
    failures.push({ filesystem, message: "no snapshot taken: a hook that is fatal failed" });
  return { done, failures };
}

const HOOK_TYPES = { pre: hookType("snapshot", "pre"), post: hookType("snapshot", "post") };

function hookContext(job: string, { filesystem, name }: PlannedSnapshot, dryRun: boolean, invocation: Invocation) {
  return {
    env: invocation.env ?? {},
    interrupted: invocation.interrupted,
    onLine: reportHookLine(job, invocation.reporter, filesystem),
    situation: (edge: "pre" | "post", timeoutSec: number) => ({
      type: HOOK_TYPES[edge],
      dryRun,
      timeoutSec,
      job,
      snapshot: { filesystem, name },
    }),
  };
}

/** Runs the hooks of a dry run, which hear so by ZREPL_DRYRUN, around nothing. @returns how many failed */
export async function rehearseHooks(job: string, plan: SnapPlan, invocation: Invocation): Promise<number> {
  const { reporter, interrupted, nowMs } = invocation;
  let failed = 0;
  for (const snapshot of plan.hooked) {
    const report = await runStack(
      snapshot.hooks.map((hook) => buildHook(hook, hookContext(job, snapshot, true, invocation))),
      async () => undefined,
      { interrupted, nowMs, onStep: (step) => reportHookStep(job, HOOK_TYPES, step, reporter, snapshot.filesystem) },
    );
    interrupted.throwIfAborted();
    if (report.hadError) failed++;
  }
  return failed;
}
