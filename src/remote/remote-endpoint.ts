/** What remote senders and receivers have in common. */
import type { DestroyFailure, DestroyRequest, FilesystemFailures, SideListing } from "../endpoint/endpoint.ts";
import type { PoolFeatures } from "../zfs/pool-features.ts";
import { list } from "./checks.ts";
import { destroyFailure, encodeDestroy, failureList, ListingReader, poolFeatures, reclaimable } from "./message.ts";
import { fromWire, printable, RemoteError } from "./remote-error.ts";
import type { RemoteOptions } from "./remote-receiver.ts";
import type { Answer, Session, Verb } from "./session.ts";

/** Snapshots of one question, so that a message stays small. */
const DESTROY_BATCH = 5_000;

/** Listing is how every attempt begins: a session that was lost is opened again here. */
export async function listRemotely(remote: RemoteOptions): Promise<SideListing> {
  if (remote.session.lost.aborted) await remote.reopen?.();
  const { session } = remote;
  const reader = new ListingReader();
  await session.call("list", {}, { onItem: (item) => reader.item(item) });
  return {
    filesystems: reader.filesystems,
    problems: reader.problems.map((problem) => `${session.peer}: ${printable(problem)}`),
  };
}

export async function destroyRemotely(
  session: Session,
  requests: readonly DestroyRequest[],
): Promise<DestroyFailure[]> {
  const failures: DestroyFailure[] = [];
  for (const batch of batches(requests)) {
    const { result } = await session.call("destroySnapshots", { requests: batch.map(encodeDestroy) });
    for (const failure of list(destroyFailure, DESTROY_BATCH)(result, "result"))
      failures.push({ ...failure, message: printable(failure.message) });
  }
  return failures;
}

/** Nothing is known where the other side's version can't be asked yet. */
export async function reclaimableRemotely(
  session: Session,
  requests: readonly DestroyRequest[],
): Promise<ReadonlyMap<string, number>> {
  const bytes = new Map<string, number>();
  // more don't fit into one question, and the space of parts can't be added up
  for (const batch of batches(requests.filter(({ snapshots }) => snapshots.length <= DESTROY_BATCH))) {
    const answer = await askIfKnown(session, "reclaimable", { requests: batch.map(encodeDestroy) });
    if (answer === undefined) break;
    for (const { filesystem, bytes: free } of reclaimable(answer.result, "result")) bytes.set(filesystem, free);
  }
  return bytes;
}

/** Of the pools of what was listed. */
export async function poolFeaturesRemotely(session: Session): Promise<PoolFeatures[]> {
  const answer = await askIfKnown(session, "poolFeatures", {});
  return answer === undefined ? [] : poolFeatures(answer.result, "result");
}

/** @returns undefined where the other side does not know the question: its version is older */
async function askIfKnown(session: Session, verb: Verb, args: object): Promise<Answer | undefined> {
  try {
    return await session.call(verb, args);
  } catch (error) {
    if (error instanceof RemoteError && error.remoteName === "ProtocolError") return undefined;
    throw error;
  }
}

function* batches(requests: readonly DestroyRequest[]): Generator<DestroyRequest[]> {
  let batch: DestroyRequest[] = [];
  let size = 0;
  for (const { filesystem, snapshots } of requests)
    for (let i = 0; i < snapshots.length; i += DESTROY_BATCH) {
      const part = snapshots.slice(i, i + DESTROY_BATCH);
      if (size + part.length > DESTROY_BATCH) {
        yield batch;
        [batch, size] = [[], 0];
      }
      batch.push({ filesystem, snapshots: part });
      size += part.length;
    }
  if (batch.length > 0) yield batch;
}

export function failuresOf(session: Session, { result }: Answer): FilesystemFailures {
  return new Map(
    failureList(result, "result").map(({ filesystem, error }) => [filesystem, fromWire(session.peer, error)]),
  );
}
