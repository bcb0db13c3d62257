/** What a check of `doctor` came to. */
import { ZreplRunError } from "../errors.ts";

export interface Finding {
  /** What was looked at, in one word: for programs. */
  readonly check: CheckName;
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string | undefined;
}

export type CheckName =
  | "zfs"
  | "locks"
  | "filter"
  | "permissions"
  | "rootFs"
  | "connection"
  | "clock"
  | "prune"
  | "listing"
  | "features"
  | "serve";

/** A check that could not be done. @throws the error if it is a bug */
export function failure(check: CheckName, what: string, error: unknown): Finding {
  if (!(error instanceof ZreplRunError)) throw error;
  return { check, status: "fail", detail: `${what}: ${error.message}`, remedy: error.hint };
}
