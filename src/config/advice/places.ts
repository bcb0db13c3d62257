import { isBelow } from "../../zfs/name.ts";
import type { FilesystemFilter, Job, PushJob, SinkJob } from "../config.ts";
import type { Advice } from "./advice.ts";
import { commonFilesystem, isLocalPair, snapshotsOf } from "./jobs.ts";

/**
 * Filters and roots that overlap.
 * @param earlier those of `jobs` before this one, so that each pair is told of once
 */
export function adviseOnPlaces(job: Job, jobs: readonly Job[], earlier: readonly Job[]): Advice[] {
  return [...replicasInFilter(job, jobs), ...overlappingRoots(job, earlier), ...sameTarget(job, earlier)];
}

/** A filter with replicas of others in it. */
function replicasInFilter(job: Job, jobs: readonly Job[]): Advice[] {
  if (!("filesystems" in job)) return [];
  return jobs.flatMap((receiver) => {
    if (!("rootFs" in receiver)) return [];
    const { rootFs } = receiver;
    if (!includesReplicas(job.filesystems, rootFs)) return [];
    const what = `the filter includes ${rootFs}, where ${receiver.type} job ${receiver.name} receives`;
    const why = isLocalPair(job, receiver)
      ? ": replicas would be replicated again, and again"
      : snapshotsOf(job) === undefined
        ? undefined // replicas are passed on
        : ": snapshots taken of replicas make the next receive fail";
    if (why === undefined) return [];
    return [{ job: job.name, key: ["filesystems"], text: `${what}${why}; exclude it: "${rootFs}<": false` }];
  });
}

function includesReplicas({ rules, match }: FilesystemFilter, rootFs: string): boolean {
  if (match(`${rootFs}/replica`)) return true;
  return [...rules].some(([pattern, included]) => included && isBelow(pattern.replace(/<$/, ""), rootFs));
}

function overlappingRoots(job: Job, earlier: readonly Job[]): Advice[] {
  if (!("rootFs" in job)) return [];
  return earlier.flatMap((other) => {
    if (!("rootFs" in other)) return [];
    const [one, two] = [job.rootFs, other.rootFs];
    if (one !== two && !isBelow(one, two) && !isBelow(two, one)) return [];
    // a sink has a subtree for each client, so that two may share a root
    if (one === two && job.type === "sink" && other.type === "sink" && !sharesClient(job, other)) return [];
    const text = `${one} and ${two}, the root of ${other.type} job ${other.name}, overlap: each job takes the other's replicas for its own; give them separate roots`;
    return [{ job: job.name, key: ["root_fs"], text }];
  });
}

function sharesClient(one: SinkJob, other: SinkJob): boolean {
  const clients = clientsOf(one);
  return clientsOf(other).some((client) => clients.includes(client));
}

/** Of a sink that serves local, its clients are the push jobs that connect to it: none is known here. */
function clientsOf({ serve }: SinkJob): readonly string[] {
  if (serve.type === "stdinserver") return serve.clientIdentities;
  if (serve.type === "tls") return serve.clientCns;
  return serve.type === "tcp" ? [...serve.clients.values()] : [];
}

function sameTarget(job: Job, earlier: readonly Job[]): Advice[] {
  if (job.type !== "push") return [];
  return earlier.flatMap((other) => {
    if (other.type !== "push" || targetOf(job) !== targetOf(other)) return [];
    const common = commonFilesystem(job.filesystems, other.filesystems);
    if (common === undefined) return [];
    const text = `${common || "every filesystem"} goes to the same place as by push job ${other.name}; leave it out of one of them`;
    return [{ job: job.name, key: ["filesystems"], text }];
  });
}

/** What decides where a push job's replicas end; over ssh, the key says which client it is. */
function targetOf({ connect }: PushJob): string {
  if (connect.type === "local") return `local ${connect.listenerName} ${connect.clientIdentity}`;
  if (connect.type === "ssh+stdinserver")
    return `ssh ${connect.user}@${connect.host}:${connect.port} ${connect.identityFile}`;
  return connect.type === "tls" ? `tls ${connect.address} ${connect.cert}` : `tcp ${connect.address}`;
}
