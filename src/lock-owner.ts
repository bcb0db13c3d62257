/** Who holds a lock, and whether that process is provably gone. */
import fs from "node:fs";
import { hostname } from "node:os";

export interface LockOwner {
  readonly host: string;
  /** Changes with every boot; empty where the system has none. */
  readonly bootId: string;
  readonly pid: number;
  /** The kernel's start time of the process, in clock ticks since boot; empty where the system has none. */
  readonly startTime: string;
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A lock of another host is given up only after so long without a heartbeat. */
const FOREIGN_DEAD_AFTER_SEC = 60;

export function thisProcess(command: string): LockOwner {
  return {
    host: hostname(),
    bootId: bootId(),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? "",
    command,
    since: new Date().toISOString(),
  };
}

/**
 * Whether the owner can't come back. An unreadable owner is nobody's to judge until its heartbeat has been silent for
 * long, and so is a process of another host.
 */
export function isProvablyDead(owner: LockOwner | undefined, heartbeatAgeSec: number): boolean {
  if (owner === undefined || owner.host !== hostname()) return heartbeatAgeSec > FOREIGN_DEAD_AFTER_SEC;
  if (owner.bootId !== bootId()) return true;
  const startTime = startTimeOf(owner.pid);
  if (startTime === undefined) return !processExists(owner.pid);
  return startTime !== owner.startTime;
}

function bootId(): string {
  try {
    return fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Field 22 of /proc/PID/stat; the command's name in field 2 may contain blanks and parentheses. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A zombie has ended; only its parent has not noticed. */
function isZombie(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2) === "Z";
  } catch {
    return false;
  }
}
