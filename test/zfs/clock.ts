/** Snapshots of any age, by setting the clock: only on a machine that is thrown away after the tests. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { execa } from "execa";

/** Whether this is a guest (User-Mode Linux, or test/guest), whose clock is nobody else's. */
export function mayChangeClock(): boolean {
  return hostname() === "zrepl-run-guest" || readFileSync("/proc/cpuinfo", "utf8").includes("User Mode Linux");
}

/**
 * Takes the snapshots (`fs@name`, in this order) as if at the given seconds, then puts the clock back. ZFS orders by
 * createtxg, whatever the clock says.
 */
export async function snapshotAt(snapshots: readonly (readonly [snapshot: string, sec: number])[]): Promise<void> {
  if (!mayChangeClock()) throw new Error("not a machine whose clock may be changed");
  const [startMs, start] = [Date.now(), performance.now()];
  const script = 'while [ $# -gt 0 ]; do date -s "@$2" && zfs snapshot "$1" && shift 2; done';
  try {
    await execa("bash", ["-ec", script, "bash", ...snapshots.flatMap(([name, sec]) => [name, String(sec)])]);
  } finally {
    const nowMs = startMs + (performance.now() - start);
    await execa("date", ["-s", `@${(nowMs / 1000).toFixed(3)}`]);
  }
}
