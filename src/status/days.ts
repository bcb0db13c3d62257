/** Which side has snapshots of which of the last days: a letter a day, the last 24 hours' at the end. Pure. */
import type { FilesystemVersion } from "../zfs/version.ts";

/** How many days a picture has; renderers show as many of them as there is room for. */
export const DAYS = 30;

const DAY_SEC = 86_400;

/** `b` both, `s` only the sender, `r` only the receiver, `.` none. A side that is not there has none. */
export function pictureDays(
  sender: readonly FilesystemVersion[] | undefined,
  receiver: readonly FilesystemVersion[] | undefined,
  nowSec: number,
): string {
  const [onSender, onReceiver] = [daysWithSnapshots(sender ?? [], nowSec), daysWithSnapshots(receiver ?? [], nowSec)];
  let picture = "";
  for (let day = DAYS - 1; day >= 0; day--) {
    const [s, r] = [onSender.has(day), onReceiver.has(day)];
    picture += s && r ? "b" : s ? "s" : r ? "r" : ".";
  }
  return picture;
}

/** Days ago. What a clock that was wrong put into the future counts as today's. */
function daysWithSnapshots(versions: readonly FilesystemVersion[], nowSec: number): Set<number> {
  const days = new Set<number>();
  for (const { kind, creationSec } of versions)
    if (kind === "snapshot") days.add(Math.max(0, Math.floor((nowSec - creationSec) / DAY_SEC)));
  return days;
}
