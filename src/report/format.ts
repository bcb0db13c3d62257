/** Numbers for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** `1.5 MiB`: powers of 1024, as zfs counts. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `2h05m`, `3m10s`, `42s`; days above 48 hours. */
export function formatDuration(sec: number): string {
  const whole = Math.max(0, Math.round(sec));
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d${two(Math.floor((whole % 86_400) / 3600))}h`;
}

/** `3 snapshots`, `1 snapshot`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** `2026-11-21 13:00:05 UTC`. */
export function formatTime(timeSec: number): string {
  return `${new Date(timeSec * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
