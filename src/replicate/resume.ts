/** Whether an interrupted receive can go on (zrepl-behaviour.md §4.6). Pure. */
import type { ReplicationOptions } from "../config/config.ts";
import type { FilesystemState } from "../endpoint/endpoint.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";
import { isChosen } from "./plan-steps.ts";

export type TokenVerdict =
  | { readonly kind: "resume"; readonly from: FilesystemVersion | undefined; readonly to: FilesystemVersion }
  /** It can never be continued; `reason` says why. */
  | { readonly kind: "dead"; readonly reason: string };

/** `token` undefined = corrupt. */
export function judgeToken(
  token: ResumeToken | undefined,
  sender: FilesystemState,
  receiver: FilesystemState,
  { policy }: { readonly policy: { readonly replication: Pick<ReplicationOptions, "snapshots"> } },
): TokenVerdict {
  if (token === undefined) return dead("resume token is corrupt");
  const tokenFilesystem = token.toName.split("@", 1)[0] ?? "";
  if (tokenFilesystem !== sender.filesystem)
    return dead(`resume token is of another filesystem (\`toname\` = ${JSON.stringify(token.toName)})`);
  const to = sender.versions.find(({ kind, guid }) => kind === "snapshot" && guid === token.toGuid);
  if (to === undefined)
    return dead(
      `resume token \`toguid\` = ${token.toGuid} not found on sender (\`toname\` = ${JSON.stringify(token.toName)})`,
    );
  if (token.refusal !== undefined) return dead(token.refusal);
  if (!isChosen(to, policy.replication)) return dead(`@${to.name} is not chosen for replication any more`);
  const newest = receiver.versions
    .filter(({ kind }) => kind === "snapshot")
    .sort(compareVersions)
    .at(-1);
  if (token.fromGuid !== newest?.guid)
    return dead(
      `the receiver's newest snapshot is not the one that the interrupted receive of @${to.name} started from`,
    );
  if (token.fromGuid === undefined) return { kind: "resume", from: undefined, to };
  const from = sender.versions.findLast(({ guid }) => guid === token.fromGuid);
  if (from === undefined) return dead(`resume token \`fromguid\` = ${token.fromGuid} not found on sender`);
  const policyProblem = from.guid === to.guid ? "resume token is from a snapshot to itself" : undefined;
  return policyProblem === undefined ? { kind: "resume", from, to } : dead(policyProblem);
}

function dead(reason: string): TokenVerdict {
  return { kind: "dead", reason };
}
