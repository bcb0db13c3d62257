/** How to receive a stream that another host made: nothing in it may decide what is mounted where, or runs as whom. */
import type { RecvOptions } from "../config/config.ts";

/** What decides where something is mounted, or runs as whom. */
export const DANGEROUS_PROPERTIES = [
  "mountpoint",
  "canmount",
  "exec",
  "setuid",
  "devices",
  "overlay",
  "sharenfs",
  "sharesmb",
];

/** The receive options with what is dangerous left out of the stream (`zfs recv -x`), except what the config allows. */
export function guardedRecv(recv: RecvOptions): RecvOptions {
  const left = DANGEROUS_PROPERTIES.filter(
    (property) =>
      recv.allowFromStream?.includes(property) !== true &&
      !recv.inheritProperties.includes(property) &&
      !Object.hasOwn(recv.overrideProperties, property),
  );
  return { ...recv, inheritProperties: [...recv.inheritProperties, ...left] };
}
