/** What a failed receive means to the operator of the receiving side. */
import { EXIT, FailedError, ZreplRunError } from "../errors.ts";
import { shellWord } from "../shell-words.ts";
import { poolOf } from "../zfs/name.ts";

/** Nothing is in the way any more: the next attempt will do. */
export class PlaceholderDestroyedError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
  readonly temporary = true;

  constructor(target: string) {
    super(
      `the empty placeholder ${target} could not be replaced by a filesystem of another encryption, and was destroyed`,
    );
  }
}

/** After a receive that reported success, the snapshot is missing (`found` undefined) or another one. */
export function wrongGuid(snapshot: string, expected: string, found: string | undefined): FailedError {
  return new FailedError(
    found === undefined
      ? `${snapshot} is not there after a receive that reported success`
      : `receive request's \`To\` version does not match what we received in the stream: ${snapshot} has guid ${found}, not ${expected}`,
  );
}

/** What to do about a failed `zfs recv` into `target`, by what it said. */
export function recvHint(target: string, stderr: string): { hint: string } | undefined {
  const name = shellWord(target);
  const beside = shellWord(`${target}.new`);
  if (/has been modified\s+since most recent snapshot/.test(stderr))
    return {
      hint: `the receiver's filesystem was changed after its newest snapshot; to discard those changes: zfs rollback ${shellWord(`${target}@NEWEST`)}, and keep it unchanged with: zfs set readonly=on ${name}`,
    };
  if (/cannot be used to destroy an encrypted filesystem/.test(stderr))
    return {
      hint: `${name} is a placeholder of another encryption than the stream, with filesystems below it that stay where they are; receive it once beside: zfs send … | zfs recv -u ${beside}; zfs rename its children one by one from ${name} to ${beside}; zfs destroy ${name}; zfs rename ${beside} ${name}; the next run goes on from there`,
    };
  if (/inherited key must be loaded/.test(stderr))
    return { hint: `load the key of the receiver's encryption root (zfs get encryptionroot ${name}): zfs load-key` };
  if (/cannot be set or excluded for raw streams/.test(stderr))
    return {
      hint: "recv.properties.inherit and override must not name encryption where filesystems are sent encrypted (send.encrypted)",
    };
  if (/out of space/.test(stderr))
    return { hint: `free space in pool ${poolOf(target)}; what was received is kept and will be resumed` };
  return undefined;
}
