const UNITS = ["B", "K", "M", "G", "T", "P", "E"];

/** `16M` → 16777216. */
export function parseSize(text: string): number {
  const match = /^([\d.]+)([KMGTPE]?)i?B?$/i.exec(text);
  if (match === null) return 0;
  const power = UNITS.indexOf((match[2] ?? "").toUpperCase());
  return Math.floor(Number(match[1]) * 1024 ** Math.max(0, power));
}

/** zfs_nicebytes(): `0B`, `624B`, `24K`, `4.02M`. */
export function formatBytes(bytes: number): string {
  let power = 0;
  let value = bytes;
  while (value >= 1024 && power < UNITS.length - 1) {
    value /= 1024;
    power += 1;
  }
  if (power === 0) return `${bytes}B`;
  const unit = UNITS[power] ?? "";
  if (Number.isInteger(value)) return `${value}${unit}`;
  for (const digits of [2, 1, 0]) {
    const text = `${value.toFixed(digits)}${unit}`;
    if (text.length <= 5) return text;
  }
  return `${Math.round(value)}${unit}`;
}
