/**
 * `migrate job-name`: gives the bookmarks and holds of one job another job's name. All new ones are on disk before an old
 * one goes, so that no base is unprotected for a moment; stopped anywhere and run again, it goes on.
 */
import { type Abstraction, describeAbstraction, fullName, inventory } from "../abstraction/inventory.ts";
import { releaseAbstractions } from "../abstraction/release.ts";
import { FailedError, NothingMatchedError, PartialFailure, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { locksOf, withLocks } from "../job-lock.ts";
import {
  cursorName,
  jobNameProblem,
  lastReceivedHoldTag,
  stepHoldTag,
  tentativeCursorName,
} from "../zfs/abstraction.ts";
import { createBookmark } from "../zfs/bookmark.ts";
import { bookmarkByProgram } from "../zfs/channel-program.ts";
import { holdSnapshots } from "../zfs/hold.ts";
import { listDatasets, listHeld } from "../zfs/list.ts";
import type { FilesystemRecord } from "../zfs/listing-parser.ts";
import { bookmarkNameProblem } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";

/** An abstraction of the old name, and what takes its place. */
interface Renaming {
  readonly old: Abstraction;
  /** Tag of a hold, full name of a bookmark. */
  readonly to: string;
  /** Of a bookmark: the snapshot to make it from if that is still there, else the old bookmark. */
  readonly from: string;
}

/** @throws {UsageError} for a name that no job can have; {PartialFailure} or {FailedError} when something could not be renamed */
export async function migrateJobName(from: string, to: string, invocation: Invocation): Promise<void> {
  const problem = jobNameProblem(to);
  if (problem !== undefined) throw new UsageError(`job name ${JSON.stringify(to)} ${problem}`);
  if (from === to) throw new UsageError("the old and the new name are the same");
  const { config, dryRun } = invocation;
  const names = [from, to].flatMap((name) => locksOf(name, config));
  const locks = [...new Set(names)].sort();
  await withLocks(locks, invocation, async () => {
    const { filesystems } = await listDatasets(invocation.runner, { roots: [] });
    const found = inventory(filesystems.values(), await listHeld(invocation.runner, filesystems.values()));
    const ours = found.filter(({ job }) => job === from);
    if (ours.length === 0)
      throw new NothingMatchedError(`nothing on this host has the name of a job ${JSON.stringify(from)}`, {
        hint: "names that are there: zrepl-run abstraction list",
      });
    const renamings = ours.map((old) => renamingOf(old, to, filesystems.get(old.filesystem)));
    if (dryRun) show(renamings, invocation);
    else await rename(renamings, invocation);
  });
  warnOfConfig(from, to, invocation);
}

function renamingOf(old: Abstraction, job: string, record: FilesystemRecord | undefined): Renaming {
  const { type, filesystem, version } = old;
  if (type === "step-hold") return { old, to: stepHoldTag(job), from: fullName(old) };
  if (type === "last-received-hold") return { old, to: lastReceivedHoldTag(job), from: fullName(old) };
  const name = type === "replication-cursor-bookmark-v2" ? cursorName : tentativeCursorName;
  // bookmarks of bookmarks are newer than bookmarks
  const snapshot = record?.versions.find(({ kind, guid }) => kind === "snapshot" && guid === version.guid);
  const from = snapshot === undefined ? fullName(old) : `${filesystem}@${snapshot.name}`;
  return { old, to: `${filesystem}#${name(job, version.guid)}`, from };
}

function show(renamings: readonly Renaming[], { reporter }: Invocation): void {
  for (const { old, to } of renamings)
    reporter.emit({ event: "planText", job: "", text: `would rename ${describeAbstraction(old)} to ${to}` });
}

async function rename(renamings: readonly Renaming[], { runner, reporter }: Invocation): Promise<void> {
  const failures = await createAll(renamings, runner);
  const safe = renamings.filter((renaming) => !failures.has(renaming)).map(({ old }) => old);
  const left = await releaseAbstractions(runner, safe);
  for (const renaming of renamings) {
    const what = describeAbstraction(renaming.old);
    const failure = failures.get(renaming) ?? left.get(renaming.old);
    if (failure === undefined)
      reporter.emit({ event: "log", level: "info", message: `renamed ${what} to ${renaming.to}` });
    else reporter.emit({ event: "log", level: "error", message: `cannot rename ${what}: ${failure}` });
  }
  const failed = failures.size + left.size;
  if (failed === 0) return;
  const text = `${failed} of ${renamings.length} could not be renamed`;
  throw failed < renamings.length ? new PartialFailure(text) : new FailedError(text);
}

/** Makes what is new. @returns what could not be made → why */
async function createAll(renamings: readonly Renaming[], runner: Runner): Promise<Map<Renaming, string>> {
  const failures = new Map<Renaming, string>();
  const holds = renamings.filter(({ old }) => old.tag !== undefined);
  for (const tag of new Set(holds.map(({ to }) => to))) {
    const wanted = holds.filter(({ to }) => to === tag);
    const failed = await holdSnapshots(
      runner,
      tag,
      wanted.map(({ from }) => from),
    );
    for (const renaming of wanted) {
      const error = failed.get(renaming.from);
      if (error !== undefined) failures.set(renaming, error.message);
    }
  }
  const bookmarks = renamings.filter((renaming) => {
    const problem = renaming.old.tag === undefined ? bookmarkNameProblem(renaming.to) : undefined;
    if (problem !== undefined) failures.set(renaming, `the new name ${problem}`);
    return renaming.old.tag === undefined && problem === undefined;
  });
  const made = await bookmarkByProgram(
    runner,
    bookmarks.filter(({ from }) => from.includes("@")).map(({ from, to }) => ({ from, bookmark: to })),
  );
  for (const renaming of bookmarks) {
    if (made.has(renaming.to)) continue;
    try {
      await createBookmark(runner, renaming.from, renaming.to, renaming.old.version.guid);
    } catch (error) {
      failures.set(renaming, error instanceof Error ? error.message : String(error));
    }
  }
  return failures;
}

function warnOfConfig(from: string, to: string, { config, reporter }: Invocation): void {
  const has = (name: string) => config.jobs.some((job) => job.name === name);
  const warn = (message: string) => reporter.emit({ event: "log", level: "warn", message });
  if (has(from)) warn(`the config still has a job ${JSON.stringify(from)}: rename it before it runs again`);
  else if (!has(to)) warn(`the config has no job ${JSON.stringify(to)}`);
}
