/** What a command leaves behind, and how commands fail. */
export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Ends a command with this stderr text. */
export class CommandFailure extends Error {
  readonly stderr: string;
  readonly exitCode: number;

  constructor(stderr: string, exitCode = 1) {
    super(stderr);
    this.stderr = stderr;
    this.exitCode = exitCode;
  }
}

/** Throws: `message` without its final newline goes to stderr. */
export function fail(message: string, exitCode = 1): never {
  throw new CommandFailure(`${message}\n`, exitCode);
}

export const ok = (stdout = ""): Result => ({ stdout, stderr: "", exitCode: 0 });

/** Collects the output of a command that goes on after errors. */
export class Output {
  stdout = "";
  stderr = "";
  exitCode = 0;

  error(message: string, exitCode = 1): void {
    this.stderr += `${message}\n`;
    this.exitCode = exitCode;
  }

  line(text: string): void {
    this.stdout += `${text}\n`;
  }

  result(): Result {
    return { stdout: this.stdout, stderr: this.stderr, exitCode: this.exitCode };
  }
}
