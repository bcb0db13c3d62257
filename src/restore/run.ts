/** The story of `restore`: lock → observe both sides → choose → plan → show | carry out → report. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { Sender } from "../endpoint/endpoint.ts";
import { openReplicas, type Replicas } from "../endpoint/open-replicas.ts";
import { RestoreReceiver } from "../endpoint/restore-receiver.ts";
import { asPrefixedLike, nameLike } from "../endpoint/stripped-name.ts";
import { NothingMatchedError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { settleJob } from "../outcome.ts";
import { DANGEROUS_PROPERTIES } from "../remote/guarded-recv.ts";
import { carryOut } from "../replicate/carry-out.ts";
import type { ReplicationPlan } from "../replicate/plan.ts";
import { shellWord } from "../shell-words.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { type Choice, chooseReplicas, type RestoreRequest } from "./choose.ts";
import { planRestore } from "./plan.ts";
import { reportRestore, showRestore } from "./report.ts";

type RestoreJob = PushJob | PullJob;

/** @throws {NothingMatchedError} when the receiver has nothing of that name, and as `settleJob` */
export function restore(job: RestoreJob, request: RestoreRequest, invocation: Invocation): Promise<void> {
  return withJobLock("job", job.name, invocation, async () => {
    const replicas = await openReplicas(job, { ...invocation, warn: (message) => log(job, message, invocation) });
    try {
      await restoreLocked(job, request, replicas, invocation);
    } finally {
      await replicas.close();
    }
  });
}

/** `restore --list`: all that could be brought back, or what there is of one filesystem. @throws {NothingMatchedError} */
export async function listRestorable(
  job: RestoreJob,
  only: Pick<RestoreRequest, "recursive"> & { readonly filesystem: string | undefined },
  invocation: Invocation,
): Promise<void> {
  const replicas = await openReplicas(job, { ...invocation, warn: (message) => log(job, message, invocation) });
  try {
    const { filesystems, problems } = await replicas.sender.list();
    for (const problem of problems) log(job, problem, invocation);
    const { filesystem, recursive } = only;
    const named = asPrefixedLike(filesystems, filesystem).filter(
      (state) =>
        filesystem === undefined ||
        state.filesystem === filesystem ||
        (recursive && state.filesystem.startsWith(`${filesystem}/`)),
    );
    let found = false;
    for (const { filesystem: name, encrypted, versions } of named) {
      const snapshots = versions.filter(({ kind }) => kind === "snapshot").reverse();
      if (snapshots.length === 0) continue;
      found = true;
      invocation.reporter.emit({
        event: "restorable",
        job: job.name,
        filesystem: name,
        replica: replicas.nameOf(name),
        encrypted,
        snapshots: snapshots.map(({ name: snapshot, guid, creationSec }) => ({ name: snapshot, guid, creationSec })),
      });
    }
    if (!found) throw nothingThere(job, filesystem);
  } finally {
    await replicas.close();
  }
}

async function restoreLocked(
  job: RestoreJob,
  request: RestoreRequest,
  replicas: Replicas,
  invocation: Invocation,
): Promise<void> {
  const { runner, reporter } = invocation;
  const { sender, root, originalsJob, nameOf } = replicas;
  const { filesystems: listed, problems } = await sender.list();
  for (const problem of problems) log(job, problem, invocation);
  const choices = chooseReplicas(asPrefixedLike(listed, request.filesystem), request);
  requireSomething(job, choices, request);
  if (originalsJob === undefined && request.to === undefined) throw await onAnotherHost(job, choices, sender);
  const receiver = new RestoreReceiver({
    runner,
    job: originalsJob ?? job.name,
    targets: new Map(choices.flatMap(({ filesystem, target, replica }) => (replica ? [[filesystem, target]] : []))),
    // what goes elsewhere is no original, and nothing starts from it
    guarantee: originalsJob === undefined ? "guarantee_nothing" : job.replication.protection.incremental,
    withoutProperties: root === undefined ? DANGEROUS_PROPERTIES : [],
    warn: (message) => log(job, message, invocation),
  });
  const plan = () => observeAndPlan(job, request, choices, replicas, receiver);
  const first = await plan();
  const about = { job, plan: first, choices, replicaOf: nameOf };
  if (invocation.dryRun) return settleJob(job.name, [await showRestore(about, sender, invocation)]);
  const replan = async () => {
    await sender.list();
    return plan();
  };
  const results = await carryOut(job, first, replan, { sender, receiver }, invocation);
  settleJob(job.name, [reportRestore(about, results, reporter)]);
}

async function observeAndPlan(
  job: RestoreJob,
  { ontoOriginal }: RestoreRequest,
  choices: readonly Choice[],
  { sender, root }: Replicas,
  receiver: RestoreReceiver,
): Promise<ReplicationPlan> {
  const [{ filesystems: targets }, parents] = await Promise.all([receiver.list(), receiver.parents()]);
  const tokens = new Map<string, ResumeToken | undefined>();
  for (const { filesystem, resumeToken } of targets)
    if (resumeToken !== undefined) {
      const token = await sender.decodeToken(resumeToken);
      tokens.set(filesystem, token && { ...token, toName: nameLike(token.toName, filesystem) });
    }
  const written = await receiver.written(targets.map(({ filesystem }) => filesystem));
  const jobs = { senderJob: sender.job, receiverJob: receiver.job };
  const { replication } = job;
  return planRestore({
    ...{ choices, targets, parents, tokens, written, ontoOriginal, replication, replicaRoot: root },
    ...jobs,
  });
}

/** Where a pull job's originals are, nothing is received. */
async function onAnotherHost(job: RestoreJob, choices: readonly Choice[], sender: Sender): Promise<UsageError> {
  const { commandsByHand } = await import("./by-hand.ts");
  const lines = job.type === "pull" ? await commandsByHand(job, choices, sender) : [];
  return new UsageError(
    `job ${JSON.stringify(job.name)} pulls from another host, which only sends: say with --to where to restore on this one`,
    {
      hint: ["or bring it back over there as its administrator, and let the job go on from it:", ...lines].join(
        "\n    ",
      ),
    },
  );
}

function requireSomething(job: RestoreJob, choices: readonly Choice[], { filesystem }: RestoreRequest): void {
  if (choices.some(({ replica }) => replica !== undefined)) return;
  const [named] = choices;
  if (named === undefined) throw nothingThere(job, filesystem);
  throw new NothingMatchedError(`${filesystem}: ${named.reason}`, { hint: listHint(job) });
}

function nothingThere(job: RestoreJob, filesystem: string | undefined): NothingMatchedError {
  const what = filesystem === undefined ? "no snapshots" : `nothing of ${filesystem}`;
  const hint = filesystem === undefined ? {} : { hint: listHint(job) };
  return new NothingMatchedError(`the receiver of job ${job.name} has ${what}`, hint);
}

function listHint({ name }: RestoreJob): string {
  return `see what there is: zrepl-run restore --list ${shellWord(name)}`;
}

function log(job: RestoreJob, message: string, { reporter }: Invocation): void {
  reporter.emit({ event: "log", level: "warn", job: job.name, message });
}
