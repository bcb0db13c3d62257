/**
 * What the sender allows (zrepl-behaviour.md §4.6, §4.7). Pure. The other side may be hostile: a token or a version that
 * it names must be the one that was asked for.
 */
import type { SendOptions } from "../config/config.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import { relativeName } from "../zfs/version.ts";
import type { FilesystemState, StepRequest } from "./endpoint.ts";

/** Why the encryption policy forbids sending a filesystem, or undefined. */
export function encryptionRefusal(
  filesystem: { readonly name: string; readonly encrypted: boolean },
  send: Pick<SendOptions, "encrypted" | "raw">,
): string | undefined {
  const name = JSON.stringify(filesystem.name);
  if (send.encrypted && !filesystem.encrypted)
    return `encrypted send mandated by policy, but filesystem ${name} is not encrypted`;
  if (send.raw && !send.encrypted && filesystem.encrypted)
    return `policy mandates raw+unencrypted sends, but filesystem ${name} is encrypted`;
  return undefined;
}

/** Why a request's versions are not those of this filesystem, or undefined. */
export function versionProblem(state: FilesystemState, { from, to }: StepRequest): string | undefined {
  if (to.kind !== "snapshot") return `${state.filesystem}: only snapshots can be sent, not ${relativeName(to)}`;
  for (const version of from === undefined ? [to] : [from, to]) {
    const listed = state.versions.some(
      ({ kind, name, guid }) => kind === version.kind && name === version.name && guid === version.guid,
    );
    if (!listed) return `${state.filesystem}${relativeName(version)} with guid ${version.guid} does not exist`;
  }
  return undefined;
}

/** Why a resume token does not continue the requested step, or undefined. `token` undefined = corrupt. */
export function resumeTokenProblem(
  token: ResumeToken | undefined,
  request: Pick<StepRequest, "filesystem" | "from" | "to">,
  filesystemEncrypted: boolean,
  send: Pick<SendOptions, "encrypted">,
): string | undefined {
  if (token === undefined) return "resume token is corrupt";
  const { filesystem, from, to } = request;
  const tokenFilesystem = token.toName.split("@", 1)[0] ?? "";
  if (tokenFilesystem !== filesystem)
    return `filesystem in resume token field \`toname\` = ${JSON.stringify(tokenFilesystem)} does not match expected value ${JSON.stringify(filesystem)}`;
  if (token.fromGuid !== undefined && from === undefined)
    return `resume token not expected to be incremental, but \`fromguid\` = ${token.fromGuid}`;
  if (token.fromGuid === undefined && from !== undefined)
    return "resume token expected to be incremental, but `fromguid` not present";
  if (token.fromGuid !== from?.guid) return `resume token \`fromguid\` != expected: ${token.fromGuid} != ${from?.guid}`;
  if (token.toGuid !== to.guid) return `resume token \`toguid\` != expected: ${token.toGuid} != ${to.guid}`;
  return tokenPolicyProblem(token, filesystemEncrypted, send);
}

/** Why the encryption policy forbids to go on with a resume token, or undefined. */
export function tokenPolicyProblem(
  token: Pick<ResumeToken, "raw">,
  filesystemEncrypted: boolean,
  send: Pick<SendOptions, "encrypted">,
): string | undefined {
  if (!filesystemEncrypted || token.raw === send.encrypted) return undefined;
  return send.encrypted
    ? "resume token does not have rawok=true which would result in an unencrypted send, but policy mandates encrypted sends only"
    : "resume token has rawok=true which would result in encrypted send, but policy mandates unencrypted sends only";
}
