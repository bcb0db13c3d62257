import {
  availableBytes,
  contentBytes,
  headWritten,
  referencedBytes,
  snapshotUnique,
  snapshotWritten,
  usedBytes,
} from "./content.ts";
import { encryptionRootOf, isKeyAvailable } from "./encryption.ts";
import { clonesOf, type Entry, fullName, snapshotByObject, subtree } from "./lookup.ts";
import { parentName } from "./names.ts";
import { NATIVE } from "./property-table.ts";
import { encodeToken } from "./token.ts";
import type { Dataset, Pool } from "./world.ts";

/** A property as `zfs get` shows it. `value: undefined` = does not apply (`-`). */
export interface ShownProperty {
  readonly value: string | undefined;
  /** `local`, `default`, `received`, `inherited from X`, `-`. */
  readonly source: string;
}

const NONE: ShownProperty = { value: undefined, source: "-" };

export const isUserProperty = (name: string): boolean => name.includes(":");

/** True for a name that `-o` accepts. */
export const isKnownProperty = (name: string): boolean => isUserProperty(name) || name in NATIVE || name === "name";

interface SetValue {
  readonly value: string;
  readonly source: "local" | "received";
  readonly on: string;
}

/** The nearest dataset upwards that sets the property. */
function nearestSetting(pool: Pool, dataset: Dataset, property: string): SetValue | undefined {
  for (let name: string | undefined = dataset.name; name !== undefined; name = parentName(name)) {
    const set = pool.datasets[name]?.props[property];
    if (set?.local !== undefined) return { value: set.local, source: "local", on: name };
    if (set?.received !== undefined) return { value: set.received, source: "received", on: name };
  }
  return undefined;
}

function sourceOf(dataset: Dataset, set: SetValue): string {
  return set.on === dataset.name ? set.source : `inherited from ${set.on}`;
}

function userProperty(entry: Entry, property: string): ShownProperty {
  if (entry.bookmark !== undefined) return NONE;
  const own = entry.snapshot?.props[property];
  if (own?.local !== undefined) return { value: own.local, source: "local" };
  if (own?.received !== undefined) return { value: own.received, source: "received" };
  const set = nearestSetting(entry.pool, entry.dataset, property);
  if (set === undefined) return NONE;
  const source = entry.snapshot === undefined ? sourceOf(entry.dataset, set) : `inherited from ${set.on}`;
  return { value: set.value, source };
}

function mountpoint(pool: Pool, dataset: Dataset): ShownProperty {
  const set = nearestSetting(pool, dataset, "mountpoint");
  if (set === undefined) return { value: `/${dataset.name}`, source: "default" };
  const below = dataset.name.slice(set.on.length);
  const value = set.value.startsWith("/") ? `${set.value === "/" ? "" : set.value}${below}` : set.value;
  return { value, source: sourceOf(dataset, set) };
}

function settable(entry: Entry, property: string): ShownProperty {
  const { pool, dataset } = entry;
  if (property === "mountpoint") return mountpoint(pool, dataset);
  const native = NATIVE[property];
  const own = dataset.props[property];
  const set = native?.inherits ? nearestSetting(pool, dataset, property) : undefined;
  if (set !== undefined) return { value: set.value, source: sourceOf(dataset, set) };
  if (own?.local !== undefined) return { value: own.local, source: "local" };
  if (own?.received !== undefined) return { value: own.received, source: "received" };
  return { value: native?.default, source: native?.default === undefined ? "-" : "default" };
}

/** Computed by ZFS from the state of a filesystem or volume. */
function computedOfDataset(entry: Entry, property: string): string | undefined {
  const { pool, dataset } = entry;
  switch (property) {
    case "guid":
      return dataset.guid;
    case "createtxg":
      return String(dataset.createtxg);
    case "creation":
      return String(dataset.creationSec);
    case "used":
      return String(usedBytes(subtree(pool, dataset.name)));
    case "usedbysnapshots":
      return String(usedBytes([dataset]) - referencedBytes(dataset, dataset.content));
    case "available":
      return String(availableBytes(pool));
    case "referenced":
      return String(referencedBytes(dataset, dataset.content));
    case "logicalreferenced":
      return String(contentBytes(dataset.content));
    case "written":
      return String(headWritten(pool, dataset));
    case "mounted":
      return dataset.mounted ? "yes" : "no";
    case "objsetid":
      return String(dataset.object);
    case "volsize":
      return dataset.kind === "volume" ? String(dataset.volsizeBytes) : undefined;
    case "origin": {
      const origin = dataset.origin === null ? undefined : snapshotByObject(pool, dataset.origin);
      return origin && fullName(origin);
    }
    case "receive_resume_token":
      return dataset.partial?.resumable ? encodeToken(dataset.partial) : undefined;
    default:
      return encryptionProperty(pool, dataset, property);
  }
}

function encryptionProperty(pool: Pool, dataset: Dataset, property: string): string | undefined {
  if (property === "keystatus" && dataset.encryption)
    return isKeyAvailable(pool, dataset) ? "available" : "unavailable";
  if (property === "encryptionroot") return encryptionRootOf(pool, dataset)?.name;
  return undefined;
}

function computedOfSnapshot(entry: Entry, property: string): string | undefined {
  const { pool, dataset, snapshot } = entry;
  if (snapshot === undefined) return undefined;
  switch (property) {
    case "guid":
      return snapshot.guid;
    case "createtxg":
      return String(snapshot.createtxg);
    case "creation":
      return String(snapshot.creationSec);
    case "used":
      return String(snapshotUnique(dataset, snapshot));
    case "referenced":
      return String(referencedBytes(dataset, snapshot.content));
    case "written":
      return String(snapshotWritten(pool, dataset, snapshot));
    case "userrefs":
      return String(Object.keys(snapshot.holds).length);
    case "defer_destroy":
      return snapshot.deferDestroy ? "on" : "off";
    case "clones":
      return (
        clonesOf(pool, snapshot)
          .map((clone) => clone.name)
          .join(",") || ""
      );
    case "volsize":
      return dataset.kind === "volume" ? String(dataset.volsizeBytes) : undefined;
    default:
      return encryptionProperty(pool, dataset, property);
  }
}

function computedOfBookmark(entry: Entry, property: string): string | undefined {
  const { bookmark } = entry;
  if (bookmark === undefined) return undefined;
  if (property === "guid") return bookmark.guid;
  if (property === "createtxg") return String(bookmark.createtxg);
  if (property === "creation") return String(bookmark.creationSec);
  return property === "referenced" ? String(bookmark.referencedBytes) : undefined;
}

/** Value and source of a property of a listed thing, with `-p` formatting. */
export function showProperty(entry: Entry, property: string): ShownProperty {
  if (property === "name") return { value: entry.name, source: "-" };
  if (property === "type") return { value: entry.type, source: "-" };
  if (isUserProperty(property)) return userProperty(entry, property);
  if (entry.bookmark !== undefined) return { value: computedOfBookmark(entry, property), source: "-" };
  if (property === "encryption") return encryptionShown(entry);
  if (entry.snapshot !== undefined) return { value: computedOfSnapshot(entry, property), source: "-" };
  const native = NATIVE[property];
  if (native === undefined || !native.kinds.includes(entry.dataset.kind)) return NONE;
  if (native.settable) return settable(entry, property);
  const value = computedOfDataset(entry, property);
  return { value, source: property === "volsize" && value !== undefined ? "local" : "-" };
}

/** `encryption` is set once and shown for snapshots too. */
function encryptionShown(entry: Entry): ShownProperty {
  const { encryption } = entry.dataset;
  return encryption === null ? { value: "off", source: "default" } : { value: encryption.cipher, source: "-" };
}
