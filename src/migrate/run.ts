/** The stories of `migrate replication-cursor` and `migrate placeholder`: observe → plan → show | do → report. */
import { fullName, inventory } from "../abstraction/inventory.ts";
import { releaseAbstractions } from "../abstraction/release.ts";
import type { Job } from "../config/config.ts";
import { FailedError, PartialFailure, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { locksOf, withLocks } from "../job-lock.ts";
import { count } from "../report/format.ts";
import { PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import { listDatasets, listHeld, listLocalProperty } from "../zfs/list.ts";
import { legacyPlaceholderHash, setPlaceholder } from "../zfs/placeholder.ts";
import { type CursorMigration, planCursorMigration } from "./plan-cursor.ts";

/** Destroys the cursors of zrepl before 0.3 where the new one is there. Changes nothing that is done already. */
export async function migrateReplicationCursor(invocation: Invocation): Promise<void> {
  const { config, runner, reporter, dryRun } = invocation;
  const { filesystems } = await listDatasets(runner, { roots: [] });
  const found = inventory(filesystems.values(), await listHeld(runner, filesystems.values()));
  const plan = planCursorMigration(found, config.jobs);
  const tally = new Tally(invocation);
  for (const { old, ...migration } of plan) {
    if (migration.action === "fail") tally.failed(`${fullName(old)}: ${migration.reason}`);
    if (migration.action === "skip")
      reporter.emit({ event: "log", level: "info", message: `${fullName(old)} left alone: ${migration.reason}` });
  }
  const destroys = plan.filter(
    (entry): entry is Extract<CursorMigration, { action: "destroy" }> => entry.action === "destroy",
  );
  for (const job of new Set(destroys.map((entry) => entry.job))) {
    const ours = destroys.filter((entry) => entry.job === job).map(({ old }) => old);
    if (dryRun) for (const old of ours) tally.planned(`would destroy ${fullName(old)}`);
    else
      await withLocks(locksOf(job, config), invocation, async () => {
        const failures = await releaseAbstractions(runner, ours);
        for (const old of ours) {
          const failure = failures.get(old);
          if (failure === undefined) tally.done(`destroyed ${fullName(old)}`);
          else tally.failed(`${fullName(old)}: ${failure}`);
        }
      });
  }
  tally.settle();
}

/** Marks the placeholders of zrepl 0.0 as placeholders are marked since. */
export async function migratePlaceholder(invocation: Invocation): Promise<void> {
  const { config } = invocation;
  const jobs = config.jobs.filter((job) => job.type === "sink" || job.type === "pull");
  if (jobs.length === 0) throw new UsageError(`no job of type sink or pull in ${config.file}`);
  const tally = new Tally(invocation);
  for (const job of jobs) {
    const locks = locksOf(job.name, config);
    await withLocks(locks, invocation, () => migratePlaceholdersOf(job, invocation, tally));
  }
  tally.settle();
}

async function migratePlaceholdersOf(
  { name, rootFs }: Extract<Job, { type: "sink" | "pull" }>,
  { runner, dryRun }: Invocation,
  tally: Tally,
): Promise<void> {
  const { missingRoots } = await listDatasets(runner, { roots: [rootFs], depth: 0 });
  if (missingRoots.length > 0) {
    tally.failed(`job ${name}: root_fs "${rootFs}" does not exist`);
    return;
  }
  const values = await listLocalProperty(runner, PLACEHOLDER_PROPERTY, [rootFs]);
  for (const [filesystem, value] of values) {
    if (value !== legacyPlaceholderHash(filesystem)) continue;
    if (dryRun) {
      tally.planned(`would mark ${filesystem} as placeholder (old value ${value})`);
      continue;
    }
    try {
      await setPlaceholder(runner, filesystem, "on");
      tally.done(`marked ${filesystem} as placeholder (old value ${value})`);
    } catch (error) {
      tally.failed(`${filesystem}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** Says what happens, and counts. */
class Tally {
  readonly #invocation: Invocation;
  #done = 0;
  #failed = 0;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  planned(text: string): void {
    this.#done++;
    this.#invocation.reporter.emit({ event: "planText", job: "", text });
  }

  done(message: string): void {
    this.#done++;
    this.#invocation.reporter.emit({ event: "log", level: "info", message });
  }

  failed(message: string): void {
    this.#failed++;
    this.#invocation.reporter.emit({ event: "log", level: "error", message });
  }

  /** @throws {PartialFailure} or {FailedError} when something failed */
  settle(): void {
    if (this.#done + this.#failed === 0)
      this.#invocation.reporter.emit({ event: "log", level: "info", message: "there is nothing to migrate" });
    if (this.#failed === 0) return;
    const text = `${count(this.#failed, "filesystem")} could not be migrated, ${this.#done} could`;
    throw this.#done > 0 ? new PartialFailure(text) : new FailedError(text);
  }
}
