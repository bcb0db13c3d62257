/**
 * Names on the sender of which the receiver knows the end only, because of `recv.strip_prefix`: the lost components are `*`,
 * which no filesystem's name can contain. Whoever knows the sender's names puts them back, here. Pure.
 */
import { sortByPath } from "../zfs/name.ts";
import type { FilesystemState } from "./endpoint.ts";
import { stateOf } from "./observe.ts";

export const UNKNOWN_COMPONENT = "*";

/** What is left of a name. */
export function knownPart(filesystem: string): string {
  return filesystem.split("/").slice(strippedComponents(filesystem)).join("/");
}

/** How many of a name's components are lost. */
function strippedComponents(filesystem: string): number {
  const components = filesystem.split("/");
  const known = components.findIndex((component) => component !== UNKNOWN_COMPONENT);
  return known === -1 ? components.length : known;
}

/**
 * A receiver's filesystems by the names that the sender has; those that it does not have, and those that may be either of
 * two, are left out. A listing in which nothing is lost is returned as it is.
 */
export function bySendersNames(
  received: readonly FilesystemState[],
  senders: readonly Pick<FilesystemState, "filesystem">[],
): readonly FilesystemState[] {
  const lost = lostIn(received);
  if (lost === 0) return received;
  const originals = new Map<string, string | undefined>();
  for (const { filesystem } of senders) {
    const stripped = withPrefix(filesystem, Array<string>(lost).fill(UNKNOWN_COMPONENT));
    originals.set(stripped, originals.has(stripped) ? undefined : filesystem);
  }
  const named = received.flatMap((state) => {
    const original = originals.get(state.filesystem);
    return original === undefined ? [] : [stateOf(state, original, state.refusal)];
  });
  return sortByPath(named, ({ filesystem }) => filesystem);
}

/** The same, where what was lost is what the given filesystem begins with. */
export function asPrefixedLike(
  received: readonly FilesystemState[],
  filesystem: string | undefined,
): readonly FilesystemState[] {
  if (filesystem === undefined || lostIn(received) === 0) return received;
  return received.map((state) => stateOf(state, nameLike(state.filesystem, filesystem), state.refusal));
}

/** A name, with what it lost taken from another filesystem's. */
export function nameLike(stripped: string, filesystem: string): string {
  const lost = strippedComponents(stripped);
  return withPrefix(stripped, filesystem.split("/").slice(0, lost));
}

/** All names of a listing have lost as many. */
function lostIn([first]: readonly FilesystemState[]): number {
  return first === undefined ? 0 : strippedComponents(first.filesystem);
}

function withPrefix(filesystem: string, prefix: readonly string[]): string {
  return [...prefix, ...filesystem.split("/").slice(prefix.length)].join("/");
}
