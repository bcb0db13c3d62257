/** Errors cross the wire with what the other side's program needs to know of them, not only their text. */
import { EXIT, LockedError, ZreplRunError } from "../errors.ts";
import { ProgramMissingError, ZfsCommandError } from "../zfs/errors.ts";
import { type Check, flag, object, optional, text } from "./checks.ts";
import { ProtocolError } from "./wire.ts";

export interface WireError {
  /** The class, e.g. `ZfsCommandError`. */
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** Whether trying again soon may help. */
  readonly temporary: boolean | undefined;
  /** Of a `ZfsCommandError`. */
  readonly reason: string | undefined;
}

const MAX_TEXT = 64 * 1024;

export const wireError: Check<WireError> = object<WireError>({
  name: text(100),
  message: text(MAX_TEXT),
  hint: optional(text(MAX_TEXT)),
  temporary: optional(flag),
  reason: optional(text(100)),
});

/** The other side failed and said why. */
export class RemoteError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
  /** Whether trying again soon may help. */
  readonly temporary: boolean;
  /** The class of the error over there. */
  readonly remoteName: string;
  readonly reason: string | undefined;

  constructor(peer: string, error: WireError) {
    super(
      `${peer}: ${printable(error.message)}`,
      error.hint === undefined ? {} : { hint: `on ${peer}: ${printable(error.hint)}` },
    );
    this.temporary = error.temporary === true;
    this.remoteName = error.name;
    this.reason = error.reason;
  }
}

/** The connection broke: the other side died, the network did, or it stopped answering. */
export class ConnectionLostError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
  readonly temporary = true;
}

/** The other side could not be reached. */
export class ConnectError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
}

/** Builds the error that a failure over there is over here. */
export function fromWire(peer: string, error: WireError): ZreplRunError {
  if (error.name === "LockedError")
    return new LockedError(`${peer}: ${printable(error.message)}`, { hint: "wait for it with --lock-wait DURATION" });
  return new RemoteError(peer, error);
}

/** What the other side is told. Of an error that is not ours only that it happened: it may speak of anything. */
export function toWire(error: unknown): WireError {
  if (!(error instanceof ZreplRunError))
    return {
      name: "InternalError",
      message: "internal error; the log on that side says more",
      hint: undefined,
      temporary: false,
      reason: undefined,
    };
  return {
    name: wireNameOf(error),
    message: error.message.slice(0, MAX_TEXT),
    hint: error.hint?.slice(0, MAX_TEXT),
    temporary: "temporary" in error && error.temporary === true,
    reason: "reason" in error && typeof error.reason === "string" ? error.reason : undefined,
  };
}

/** The class's name in the protocol. Not `error.name`: the bundle is minified. */
function wireNameOf(error: ZreplRunError): string {
  if (error instanceof LockedError) return "LockedError";
  if (error instanceof ZfsCommandError) return "ZfsCommandError";
  if (error instanceof ProgramMissingError) return "ProgramMissingError";
  return error instanceof ProtocolError ? "ProtocolError" : "FailedError";
}

/** Text of the other side without what could steer a terminal. */
export function printable(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return value.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
