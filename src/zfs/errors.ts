/**
 * What a failed `zfs` or `zpool` command means. The programs say it in English on stderr (they run under LC_ALL=C);
 * each pattern here was read off real OpenZFS (test/zfs/errors.test.ts provokes them).
 */
import { EXIT, ZreplRunError } from "../errors.ts";
import type { CommandResult } from "./runner.ts";

export type ZfsErrorReason =
  | "does-not-exist"
  | "exists"
  | "held"
  | "busy"
  | "has-clones"
  | "has-children"
  | "permission"
  | "no-space"
  | "destination-modified"
  | "destination-exists"
  | "destination-missing"
  | "no-common-snapshot"
  | "encryption-mismatch"
  | "key-not-loaded"
  | "stream-cut"
  | "stream-invalid"
  | "resume-state-available"
  | "no-resume-state"
  | "token-corrupt"
  | "tag-exists"
  | "tag-missing"
  | "pool-suspended"
  | "killed"
  | "unknown";

/** In this order: the first that matches stderr decides. */
const PATTERNS: readonly (readonly [ZfsErrorReason, RegExp])[] = [
  ["no-resume-state", /does not have any resumable receive state to abort/],
  ["token-corrupt", /resume token is corrupt/],
  ["encryption-mismatch", /cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one/],
  ["no-space", /out of space|No space left on device|quota exceeded/],
  ["permission", /permission denied|Permission denied|Operation not permitted/],
  ["destination-modified", /has been modified\s+since most recent snapshot/],
  ["no-common-snapshot", /does not\s+match incremental source|incremental source .* does not exist/],
  [
    "destination-missing",
    /unable to restore to destination|cannot receive incremental stream: destination .* does not exist/,
  ],
  ["resume-state-available", /A resuming stream can be generated on the sending system/],
  ["destination-exists", /must specify -F to overwrite it|must destroy them to overwrite it/],
  ["stream-cut", /incomplete stream|failed to read from stream|stream ended prematurely/],
  ["stream-invalid", /invalid stream|invalid backup stream|bad magic number|checksum mismatch/],
  [
    "key-not-loaded",
    /dataset key must be loaded|key is not loaded|encryption key not loaded|Required key not available/i,
  ],
  ["held", /it's being held/],
  ["tag-exists", /tag already exists on this dataset/],
  ["tag-missing", /no such tag on this dataset/],
  ["has-clones", /has dependent clones/],
  ["has-children", /filesystem has children/],
  ["busy", /dataset is busy|pool or dataset is busy|Device or resource busy|destination .* is busy/],
  ["exists", /already exists|bookmark exists/],
  ["does-not-exist", /does not exist|no such pool or dataset|could not find any snapshots to destroy|no such pool/],
  ["pool-suspended", /pool is suspended|pool I\/O is currently suspended/],
];

/** Reads the reason off a command's stderr and exit. */
export function classifyZfsError(result: Pick<CommandResult, "stderr" | "signal">): ZfsErrorReason {
  for (const [reason, pattern] of PATTERNS) if (pattern.test(result.stderr)) return reason;
  return result.signal === undefined ? "unknown" : "killed";
}

const TEMPORARY: ReadonlySet<ZfsErrorReason> = new Set(["busy", "stream-cut", "resume-state-available", "killed"]);

const PERMISSION_HINT =
  "run it as root, or delegate with zfs allow what zrepl-run doctor JOB says is missing (mounting stays root's on Linux)";

/** A `zfs` or `zpool` command failed. */
export class ZfsCommandError extends ZreplRunError {
  readonly exitCode = EXIT.failed;
  readonly argv: readonly string[];
  readonly result: CommandResult;
  readonly reason: ZfsErrorReason;

  constructor(argv: readonly string[], result: CommandResult, options?: { readonly hint?: string }) {
    const reason = classifyZfsError(result);
    super(describeFailure(argv, result), options ?? (reason === "permission" ? { hint: PERMISSION_HINT } : {}));
    this.argv = argv;
    this.result = result;
    this.reason = reason;
  }

  /** Whether trying again soon may help. */
  get temporary(): boolean {
    return TEMPORARY.has(this.reason);
  }
}

/** A program is not installed, or not on PATH. */
export class ProgramMissingError extends ZreplRunError {
  readonly exitCode = EXIT.failed;

  constructor(program: string, cause: unknown) {
    super(`cannot run "${program}": not found on PATH`, {
      cause,
      hint:
        program === "ssh"
          ? "install OpenSSH's client"
          : "install OpenZFS's programs (Debian: zfsutils-linux) and check PATH; cron's PATH often lacks /usr/sbin",
    });
  }
}

/** A program printed something that we can't read. */
export class ParseError extends ZreplRunError {
  readonly exitCode = EXIT.failed;

  constructor(command: string, text: string) {
    super(`cannot understand the output of ${command}: ${JSON.stringify(text)}`);
  }
}

function describeFailure(argv: readonly string[], result: CommandResult): string {
  const said = result.stderr
    .split(/\nusage:\n/, 1)[0]
    ?.trim()
    .replaceAll(/\s*\n\s*/g, "; ");
  const end = result.signal === undefined ? `exit status ${result.exitCode}` : `killed by ${result.signal}`;
  return said ? `${said} (${argv[0]} ${argv[1]}: ${end})` : `${shortCommand(argv)}: ${end}`;
}

/** The command for a person to read; not for a shell. Long argument lists are shortened. */
function shortCommand(argv: readonly string[]): string {
  const text = argv.map((word) => (/[\s'"\\]/.test(word) ? JSON.stringify(word) : word)).join(" ");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
