/** `test resume-token`: what a resume token says. */
import { FailedError } from "../errors.ts";
import { decodeResumeToken } from "../zfs/resume-token.ts";
import type { Runner } from "../zfs/runner.ts";

/** JSON with decimal guids; `FromGUID` is null for a full send. @throws {FailedError} for a corrupt token */
export async function tryResumeToken(runner: Runner, token: string): Promise<string> {
  const decoded = await decodeResumeToken(runner, token);
  if (decoded === undefined) throw new FailedError("resume token is corrupt");
  const { fromGuid, toGuid, toName, bytes, raw } = decoded;
  const fields = {
    HasFromGUID: fromGuid !== undefined,
    FromGUID: fromGuid ?? null,
    HasToGUID: true,
    ToGUID: toGuid,
    ToName: toName,
    Bytes: bytes,
    RawOK: raw,
  };
  return JSON.stringify(fields, undefined, 1);
}
