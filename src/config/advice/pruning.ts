import type { Job } from "../config.ts";
import type { KeepRule } from "../pruning-config.ts";
import type { Advice } from "./advice.ts";
import { commonFilesystem, snapshotsOf } from "./jobs.ts";

/** Keep rules that destroy more than one thinks, or nothing. */
export function adviseOnPruning(job: Job, jobs: readonly Job[]): Advice[] {
  return [...ownSnapshots(job), ...unsentSnapshots(job), ...unsentByOthers(job, jobs), ...notReplicatedOnReceiver(job)];
}

/** Where a job prunes the snapshots that it takes. */
function sendersRules(job: Job): { readonly key: readonly string[]; readonly rules: readonly KeepRule[] } | undefined {
  if (job.type === "push" || job.type === "pull")
    return { key: ["pruning", "keep_sender"], rules: job.pruning.keepSender };
  if ((job.type === "snap" || job.type === "source") && job.pruning !== undefined)
    return { key: ["pruning", "keep"], rules: job.pruning.keep };
  return undefined;
}

/** A snapshot's name as the job makes it; that of a job that makes none has no prefix. */
function exampleName(job: Job): string {
  return `${snapshotsOf(job)?.prefix ?? ""}20260101_000000_000`;
}

function ownSnapshots(job: Job): Advice[] {
  const taken = snapshotsOf(job);
  const own = sendersRules(job);
  if (taken === undefined || own === undefined || own.rules.some((rule) => mayKeep(rule, exampleName(job)))) return [];
  const text = `no rule is for the job's own snapshots (${taken.prefix}…), so that pruning destroys each of them at once; add a rule whose regex matches the prefix`;
  return [{ job: job.name, key: own.key, text }];
}

/** Whether a rule keeps a snapshot of this name at least for a while. */
function mayKeep(rule: KeepRule, name: string): boolean {
  if (rule.type === "not_replicated") return true;
  if (rule.type === "regex") return rule.regex.test(name) !== rule.negate;
  return rule.regex?.test(name) ?? true;
}

/** Whether the rules keep all that the job has, forever. */
function keepsAll(rules: readonly KeepRule[], name: string): boolean {
  return rules.some((rule) => rule.type === "regex" && rule.regex.test(name) !== rule.negate);
}

function unsentSnapshots(job: Job): Advice[] {
  if (job.type !== "push" && job.type !== "pull") return [];
  const rules = job.pruning.keepSender;
  if (rules.some(({ type }) => type === "not_replicated") || keepsAll(rules, exampleName(job))) return [];
  const text =
    "when the receiver is away for long, snapshots are pruned that it does not have yet; add {type: not_replicated}, unless the sender's pool must not fill up at any price";
  return [{ job: job.name, key: ["pruning", "keep_sender"], text }];
}

/** `not_replicated` knows the job's own cursor only. */
function unsentByOthers(job: Job, jobs: readonly Job[]): Advice[] {
  const own = sendersRules(job);
  if (job.type !== "push" || own === undefined || keepsAll(own.rules, exampleName(job))) return [];
  const other = jobs.find(
    (candidate) =>
      candidate !== job &&
      candidate.type === "push" &&
      commonFilesystem(job.filesystems, candidate.filesystems) !== undefined,
  );
  if (other === undefined) return [];
  const text = `these rules don't know what push job ${other.name} still has to send of the same filesystems; keep everything here ({type: regex, regex: ".*"}) and prune in a snap job`;
  return [{ job: job.name, key: own.key, text }];
}

function notReplicatedOnReceiver(job: Job): Advice[] {
  if (job.type !== "push" && job.type !== "pull") return [];
  const index = job.pruning.keepReceiver.findIndex(({ type }) => type === "not_replicated");
  if (index < 0) return [];
  const text = "what is on the receiver is replicated: the rule keeps only the newest; leave it out";
  return [{ job: job.name, key: ["pruning", "keep_receiver", index], text }];
}
