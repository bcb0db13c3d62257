/** What remote senders and receivers have in common. */
import type { DestroyFailure, DestroyRequest, FilesystemFailures, SideListing } from "../endpoint/endpoint.ts";
import { list } from "./checks.ts";
import { destroyFailure, encodeDestroy, failureList, ListingReader } from "./message.ts";
import { fromWire, printable } from "./remote-error.ts";
import type { RemoteOptions } from "./remote-receiver.ts";
import type { Answer, Session } from "./session.ts";

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
