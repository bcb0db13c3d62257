/** The story of `verify`: observe both sides → compare → read samples of the content → report what was proved. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { Sender } from "../endpoint/endpoint.ts";
import { openEndpoints } from "../endpoint/open.ts";
import { openReplicas } from "../endpoint/open-replicas.ts";
import { FailedError, NothingMatchedError, PartialFailure } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { withJobLock } from "../job-lock.ts";
import { observeAndPlan } from "../replicate/observe.ts";
import { count } from "../report/format.ts";
import { type CommonSnapshot, type Comparison, compareSides } from "./compare.ts";
import { type ContentSources, differenceOf } from "./content.ts";

type VerifyJob = PushJob | PullJob;

export interface VerifyOptions {
  /** Names on the sender; empty = all of the job. */
  readonly filesystems: readonly string[];
  /** Read the newest common snapshot of each, and so many percent of the others; undefined = nothing. */
  readonly samplePercent: number | undefined;
}

/** What was proved, all filesystems together. */
interface Proof {
  versions: number;
  contents: number;
  differ: number;
  unknown: number;
}

/** @throws {PartialFailure} when something differs, {FailedError} when something could not be compared */
export async function verify(job: VerifyJob, options: VerifyOptions, invocation: Invocation): Promise<void> {
  if (options.samplePercent === undefined) return verifyJob(job, options, undefined, invocation);
  // what is read must not be pruned meanwhile
  await withJobLock("job", job.name, invocation, async () => {
    const { sender: replicas, close } = await openReplicas(job, { ...invocation, warn: warnOf(job, invocation) });
    try {
      await replicas.list();
      await verifyJob(job, options, replicas, invocation);
    } finally {
      await close();
    }
  });
}

async function verifyJob(
  job: VerifyJob,
  options: VerifyOptions,
  replicas: Sender | undefined,
  invocation: Invocation,
): Promise<void> {
  const { reporter, runner } = invocation;
  const endpoints = await openEndpoints(job, { ...invocation, warn: warnOf(job, invocation) });
  const sources = replicas && { runner, originals: endpoints.sender, replicas };
  try {
    const { sender, receiver, plan, problems } = await observeAndPlan(job, endpoints, invocation.nowMs());
    const proof: Proof = { versions: 0, contents: 0, differ: 0, unknown: problems.length };
    for (const message of problems) reporter.emit({ event: "log", level: "error", job: job.name, message });
    const compared = compareSides({
      ...{ sender: sender.filesystems, receiver: receiver.filesystems, plans: plan.filesystems },
      ...{ senderJob: endpoints.sender.job, receiverJob: endpoints.receiver.job },
      ...{ replication: job.replication, keepReceiver: job.pruning.keepReceiver },
    });
    const wanted = choose(compared, options.filesystems, job);
    for (const comparison of wanted) await prove(job, comparison, options, sources, proof, invocation);
    conclude(job, wanted.length, proof, sources !== undefined, invocation);
  } finally {
    await endpoints.close();
  }
}

function choose(compared: readonly Comparison[], names: readonly string[], job: VerifyJob): readonly Comparison[] {
  const missing = names.find((name) => !compared.some(({ filesystem }) => filesystem === name));
  if (missing !== undefined || compared.length === 0)
    throw new NothingMatchedError(`job ${job.name} does not send ${missing ?? "anything"}`, {
      hint: "compare with: zrepl-run test filesystems",
    });
  return names.length === 0 ? compared : compared.filter(({ filesystem }) => names.includes(filesystem));
}

async function prove(
  job: VerifyJob,
  comparison: Comparison,
  { samplePercent = 0 }: VerifyOptions,
  sources: ContentSources | undefined,
  proof: Proof,
  { reporter, interrupted }: Invocation,
): Promise<void> {
  const { filesystem, common, identical, notes } = comparison;
  const problems = [...comparison.problems];
  const contents: string[] = [];
  const unknown: string[] = [];
  for (const snapshot of sources === undefined ? [] : sample(common, samplePercent)) {
    try {
      const difference = await differenceOf(comparison, snapshot, sources as ContentSources);
      if (difference === undefined) contents.push(snapshot.sender.name);
      else problems.push(difference);
    } catch (error) {
      interrupted.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      unknown.push(`the content of @${snapshot.sender.name} could not be compared: ${why}`);
    }
  }
  proof.versions += identical;
  proof.contents += contents.length;
  if (problems.length > 0) proof.differ++;
  proof.unknown += unknown.length;
  reporter.emit({
    event: "verified",
    job: job.name,
    filesystem,
    identical,
    contents,
    problems,
    unknown,
    notes: [...notes],
  });
}

/** The newest, and of the others each with the probability of the sample. */
function sample(common: readonly CommonSnapshot[], percent: number): readonly CommonSnapshot[] {
  const newest = common.at(-1);
  return common.filter((snapshot) => snapshot === newest || Math.random() * 100 < percent);
}

function conclude(
  job: VerifyJob,
  filesystems: number,
  proof: Proof,
  withData: boolean,
  { reporter }: Invocation,
): void {
  const { versions, contents, differ, unknown } = proof;
  const proved = [`${count(versions, "version")} of ${count(filesystems, "filesystem")} identical by guid`];
  if (withData)
    proved.push(
      `content of ${count(contents, "snapshot")} identical by SHA-256 of the objects and blocks in full streams`,
    );
  const text = `${job.name}: ${proved.join("; ")}`;
  reporter.emit({ event: "planText", job: job.name, text });
  if (differ > 0)
    throw new PartialFailure(`job ${job.name}: ${count(differ, "filesystem")} of ${filesystems} not as they should be`);
  if (unknown > 0) throw new FailedError(`job ${job.name}: not everything could be compared`);
}

function warnOf(job: VerifyJob, { reporter }: Invocation): (message: string) => void {
  return (message) => reporter.emit({ event: "log", level: "warn", job: job.name, message });
}
