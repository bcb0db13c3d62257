/** What a failed send means to the operator of the sending side. */
import { ZfsCommandError } from "../zfs/errors.ts";
import type { CommandResult } from "../zfs/runner.ts";
import type { StreamFailure } from "./endpoint.ts";

/** How a `zfs send` of a filesystem ended; undefined = well. */
export function judgeSend(
  argv: readonly string[],
  filesystem: string,
  result: CommandResult,
): StreamFailure | undefined {
  if (result.exitCode === 0) return undefined;
  const error = new ZfsCommandError(
    argv,
    { ...result, stderr: withoutProgress(result.stderr) },
    sendHint(filesystem, result.stderr),
  );
  const brokenPipe = result.signal === "SIGPIPE" || /Broken pipe|Connection reset by peer/.test(result.stderr);
  return { error, cause: brokenPipe ? "peer" : "own" };
}

function sendHint(filesystem: string, stderr: string): { hint: string } | undefined {
  if (/dataset key must be loaded/.test(stderr))
    return {
      hint: `load the key on the sender (zfs load-key), or send ${filesystem} as it is, encrypted (send.encrypted: true): that needs no key`,
    };
  if (/may not be sent with properties without the raw flag/.test(stderr))
    return {
      hint: "encrypted filesystems go with properties only as they are, encrypted (send.encrypted: true); else set send_properties: false",
    };
  return undefined;
}

/** `zfs send -vP` mixes sizes and progress into stderr; the reason is in what remains. */
function withoutProgress(stderr: string): string {
  const progress = /^(?:\d\d:\d\d:\d\d\t|full\t|incremental\t|size\t|\t\S+ = |resume token contents:|nvlist version:)/;
  return stderr
    .split("\n")
    .filter((line) => !progress.test(line))
    .join("\n");
}
