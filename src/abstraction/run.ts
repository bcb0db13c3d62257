/** The story of `abstraction list`, `release-stale` and `release-all`: observe → judge → show | release → report. */
import { listingFor } from "../endpoint/filter-roots.ts";
import { FailedError, NothingMatchedError, PartialFailure, type ZreplRunError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { locksOf, withLocks } from "../job-lock.ts";
import { forEachJob } from "../outcome.ts";
import type { Event } from "../report/events.ts";
import { count } from "../report/format.ts";
import { listDatasets, listHeld } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { describeAbstraction, fullName, inventory } from "./inventory.ts";
import { type Judged, judge } from "./judge.ts";
import { releaseAbstractions } from "./release.ts";
import { type AbstractionFilter, passes } from "./select.ts";

/** `abstraction list`; what no job looks after comes last. @throws {NothingMatchedError} when no filesystem is matched */
export async function listAbstractions(
  filter: AbstractionFilter,
  { config, ...invocation }: Invocation,
): Promise<void> {
  const { reporter } = invocation;
  const found = (await find(filter, invocation.runner, config.jobs)).filter((judged) => passes(judged, filter));
  const orphans = found.filter(({ state }) => state === "orphan");
  for (const judged of found) if (judged.state !== "orphan") reporter.emit(eventOf(judged, "found"));
  if (orphans.length === 0) return;
  if (reporter.wantsText)
    reporter.emit({
      event: "planText",
      job: "",
      text: "orphans, which release-stale and release-all leave alone without --orphans:",
    });
  for (const judged of orphans) reporter.emit(eventOf(judged, "found"));
}

export interface ReleaseOptions {
  readonly what: "stale" | "all";
  /** Orphans too. */
  readonly orphans: boolean;
}

/** `abstraction release-stale` and `release-all`. @throws {LockedError} for a job that is running, and others */
export async function releaseMatching(
  filter: AbstractionFilter,
  { what, orphans }: ReleaseOptions,
  invocation: Invocation,
): Promise<void> {
  const { config, runner, reporter } = invocation;
  const found = (await find(filter, runner, config.jobs)).filter((judged) => passes(judged, filter));
  const wanted = found.filter(({ state }) => (state === "orphan" ? orphans : state === "stale" || what === "all"));
  const left = orphans ? 0 : found.filter(({ state }) => state === "orphan").length;
  if (left > 0)
    reporter.emit({
      event: "log",
      level: "warn",
      message: `${count(left, "orphan")} left alone: look at them with abstraction list, add --orphans to release them`,
    });
  if (invocation.dryRun) {
    for (const judged of wanted) reporter.emit(eventOf(judged, "planned"));
    return;
  }
  const jobs = [...new Set(wanted.map(({ abstraction }) => abstraction.job))];
  await forEachJob(
    jobs.map((job) => ({ job, name: job ?? "(none)" })),
    invocation.interrupted,
    ({ name }, error: ZreplRunError) =>
      reporter.emit({ event: "log", level: "error", job: name, message: error.message }),
    async ({ job }) => {
      const ours = wanted.filter(({ abstraction }) => abstraction.job === job);
      const locks = job === undefined ? [] : locksOf(job, config);
      await withLocks(locks, invocation, () => releaseOfJob(ours, invocation));
    },
  );
}

async function releaseOfJob(judged: readonly Judged[], { runner, reporter }: Invocation): Promise<void> {
  const failures = await releaseAbstractions(
    runner,
    judged.map(({ abstraction }) => abstraction),
  );
  for (const each of judged) {
    const message = failures.get(each.abstraction);
    reporter.emit(message === undefined ? eventOf(each, "released") : { ...eventOf(each, "failed"), message });
  }
  if (failures.size === 0) return;
  const text = `${count(failures.size, "abstraction")} of ${judged.length} could not be released`;
  throw failures.size < judged.length ? new PartialFailure(text) : new FailedError(text);
}

/** One listing, one look at the holds. */
async function find(
  { filesystems }: AbstractionFilter,
  runner: Runner,
  jobs: Invocation["config"]["jobs"],
): Promise<Judged[]> {
  const { filesystems: listed } = await listDatasets(runner, listingFor(filesystems));
  const records = [...listed.values()].filter(({ name }) => filesystems.match(name));
  if (records.length === 0)
    throw new NothingMatchedError("no filesystem matches", { hint: "compare --fs with: zfs list" });
  return judge(inventory(records, await listHeld(runner, records)), jobs);
}

type AbstractionEvent = Extract<Event, { event: "abstraction" }>;

function eventOf({ abstraction, state, reason }: Judged, action: AbstractionEvent["action"]): AbstractionEvent {
  const { type, filesystem, version, tag, job } = abstraction;
  return {
    event: "abstraction",
    action,
    text: describeAbstraction(abstraction),
    type,
    filesystem,
    name: tag ?? version.name,
    fullPath: fullName(abstraction),
    ...(job === undefined ? {} : { job }),
    guid: version.guid,
    createtxg: String(version.createtxg),
    creationSec: version.creationSec,
    state,
    ...(reason === undefined ? {} : { reason }),
  };
}
