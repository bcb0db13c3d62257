import { ParseError } from "./errors.ts";
import { parseSendEstimate } from "./parse.ts";
import type { Runner } from "./runner.ts";

/** What a resume token says about the send that it continues (zrepl-behaviour.md §4.6). guids are decimal text. */
export interface ResumeToken {
  readonly toGuid: string;
  readonly fromGuid: string | undefined;
  /** `fs@snapshot` on the host that sent. */
  readonly toName: string;
  /** Bytes received so far. */
  readonly bytes: number;
  /** About what is still to be sent; absent = unknown, e.g. where the snapshot is not. */
  readonly remainingBytes?: number | undefined;
  readonly raw: boolean;
  /** Why the sender's encryption policy forbids to go on with it, whatever the step; absent = it does not. */
  readonly refusal?: string | undefined;
}

/**
 * Decodes a token with `zfs send -nvP -t`. Works on any host, the snapshot need not be there; the exit status says
 * nothing about the token.
 * @returns undefined when zfs says that the token is corrupt
 * @throws {ParseError} when the output can't be read
 */
export async function decodeResumeToken(runner: Runner, token: string): Promise<ResumeToken | undefined> {
  const { stdout, stderr } = await runner.run(["zfs", "send", "-n", "-v", "-P", "-t", token]);
  return parseResumeToken(stdout + stderr);
}

/** Reads the output (stdout and stderr together) of `zfs send -nvP -t TOKEN`. */
export function parseResumeToken(output: string): ResumeToken | undefined {
  if (!output.includes("resume token contents:\nnvlist version: 0")) {
    if (output.includes("resume token is corrupt")) return undefined;
    throw new ParseError("zfs send -nvP -t", output);
  }
  const fields = new Map([...output.matchAll(/^\t(\S+) = (.*)$/gm)].map(([, key = "", value = ""]) => [key, value]));
  const toGuid = fields.get("toguid");
  const toName = fields.get("toname");
  if (toGuid === undefined || toName === undefined) throw new ParseError("zfs send -nvP -t", output);
  const fromGuid = fields.get("fromguid");
  const remainingBytes = parseSendEstimate(output);
  return {
    toGuid: BigInt(toGuid).toString(),
    fromGuid: fromGuid === undefined ? undefined : BigInt(fromGuid).toString(),
    toName,
    bytes: Number(fields.get("bytes") ?? 0),
    ...(remainingBytes === undefined ? {} : { remainingBytes }),
    raw: /^(1|t|true)$/i.test(fields.get("rawok") ?? ""),
  };
}
