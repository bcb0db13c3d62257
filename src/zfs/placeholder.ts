/** Placeholders: filesystems on the receiver that exist only to make their children possible (zrepl-behaviour.md §3.8, §4.9). */
import { createHash } from "node:crypto";
import { PLACEHOLDER_PROPERTY } from "./abstraction.ts";
import { ZfsCommandError } from "./errors.ts";
import type { Runner } from "./runner.ts";

/** Whether a local value of the property makes `filesystem` a placeholder: `on`, or zrepl 0.0's hash of its own name. */
export function isPlaceholderValue(filesystem: string, value: string | undefined): boolean {
  return value === "on" || (value !== undefined && value === legacyPlaceholderHash(filesystem));
}

/** zrepl 0.0's value: SHA-512/256 of the dataset's name, in hex. */
export function legacyPlaceholderHash(filesystem: string): string {
  return createHash("sha512-256").update(filesystem).digest("hex");
}

/** @throws {ZfsCommandError} */
export async function createPlaceholder(
  runner: Runner,
  filesystem: string,
  encryption: "inherit" | "off",
): Promise<void> {
  const encryptionArgs = encryption === "off" ? ["-o", "encryption=off"] : [];
  const argv = [
    "zfs",
    "create",
    "-o",
    `${PLACEHOLDER_PROPERTY}=on`,
    "-o",
    "mountpoint=none",
    ...encryptionArgs,
    filesystem,
  ];
  const result = await runner.run(argv);
  // an ordinary user can't mount: zfs says so even for mountpoint=none, after it has made the filesystem
  if (result.exitCode === 0 || /filesystem successfully created, but/.test(result.stderr)) return;
  throw new ZfsCommandError(argv, result);
}

/** @throws {ZfsCommandError} */
export async function setPlaceholder(runner: Runner, filesystem: string, value: "on" | "off"): Promise<void> {
  const argv = ["zfs", "set", `${PLACEHOLDER_PROPERTY}=${value}`, filesystem];
  const result = await runner.run(argv);
  if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
}

/** Throws away the partial state of an interrupted receive; nothing to throw away counts as done. */
export async function abortReceive(runner: Runner, filesystem: string): Promise<void> {
  const argv = ["zfs", "recv", "-A", filesystem];
  const result = await runner.run(argv);
  if (result.exitCode === 0) return;
  const error = new ZfsCommandError(argv, result);
  if (error.reason !== "no-resume-state" && error.reason !== "does-not-exist") throw error;
}
