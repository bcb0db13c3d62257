/** What both local endpoints need to see of ZFS: filesystems with versions, holds and placeholder state. */
import { PLACEHOLDER_PROPERTY } from "../zfs/abstraction.ts";
import type { ListingRequest } from "../zfs/argv.ts";
import { type History, historyOf } from "../zfs/history.ts";
import { type Listing, listDatasets, listHeld, listLocalProperty } from "../zfs/list.ts";
import type { FilesystemRecord } from "../zfs/listing-parser.ts";
import { sortByPath, splitSnapshot } from "../zfs/name.ts";
import { isPlaceholderValue } from "../zfs/placeholder.ts";
import type { Runner } from "../zfs/runner.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import type { FilesystemState } from "./endpoint.ts";

/** A filesystem of this host by its real name. */
export interface ObservedFilesystem extends Omit<FilesystemRecord, "guid" | "placeholderValue" | "heldSnapshots"> {
  readonly isPlaceholder: boolean;
  /** Hold tags by snapshot name. */
  readonly holds: ReadonlyMap<string, readonly string[]>;
}

/** One listing, and nothing that it can't tell. */
export interface Sighting {
  readonly request: ListingRequest;
  readonly wanted: readonly FilesystemRecord[];
  /** What was listed and not wanted. */
  readonly others: readonly FilesystemRecord[];
  readonly missingRoots: readonly string[];
  /** Everything at and below them was listed. */
  readonly wholeRoots: readonly string[];
}

export interface Observation extends Pick<Sighting, "others" | "missingRoots" | "wholeRoots"> {
  /** Sorted by name. */
  readonly filesystems: readonly ObservedFilesystem[];
}

/**
 * Lists in one process, and in one more each where something was seen that it can't tell: which placeholder values are
 * local, and who holds the held snapshots.
 */
export async function observe(
  runner: Runner,
  request: ListingRequest,
  wanted: (name: string) => boolean,
): Promise<Observation> {
  return lookCloser(runner, await sight(runner, request, wanted));
}

/** The first part of `observe`: one process. */
export async function sight(
  runner: Runner,
  request: ListingRequest,
  wanted: (name: string) => boolean,
): Promise<Sighting> {
  const listing = await listDatasets(runner, request);
  const [records, others]: [FilesystemRecord[], FilesystemRecord[]] = [[], []];
  for (const record of listing.filesystems.values()) (wanted(record.name) ? records : others).push(record);
  const { missingRoots } = listing;
  return { request, wanted: records, others, missingRoots, wholeRoots: wholeRoots(request, listing) };
}

/** The rest of `observe`: at most two processes. */
export async function lookCloser(runner: Runner, sighting: Sighting): Promise<Observation> {
  const { request, wanted, others, missingRoots, wholeRoots: whole } = sighting;
  const [placeholders, holds] = await Promise.all([
    placeholderNames(runner, request, wanted),
    holdsByFilesystem(runner, wanted),
  ]);
  const filesystems = wanted.map((record) =>
    observed(record, placeholders.has(record.name), holds.get(record.name) ?? NO_HOLDS),
  );
  return { filesystems: sortByPath(filesystems, ({ name }) => name), others, missingRoots, wholeRoots: whole };
}

/** A record and what was found out about it besides. */
export function observed(
  record: FilesystemRecord,
  isPlaceholder: boolean,
  holds: ObservedFilesystem["holds"],
): ObservedFilesystem {
  return new Observed(record, isPlaceholder, holds);
}

/** A class, as objects with a getter each are large and slow, and there may be ten thousand. */
class Observed implements ObservedFilesystem {
  readonly name: string;
  readonly type: "filesystem" | "volume";
  readonly resumeToken: string | undefined;
  readonly encrypted: boolean;
  readonly history: History;
  readonly isPlaceholder: boolean;
  readonly holds: ObservedFilesystem["holds"];

  constructor(record: FilesystemRecord, isPlaceholder: boolean, holds: ObservedFilesystem["holds"]) {
    this.name = record.name;
    this.type = record.type;
    this.resumeToken = record.resumeToken;
    this.encrypted = record.encrypted;
    this.history = record.history;
    this.isPlaceholder = isPlaceholder;
    this.holds = holds;
  }

  get versions(): readonly FilesystemVersion[] {
    return this.history.versions;
  }
}

function wholeRoots({ roots, depth }: ListingRequest, { filesystems }: Listing): readonly string[] {
  if (depth !== undefined) return [];
  return roots.length > 0 ? roots : [...filesystems.keys()].filter((name) => !name.includes("/"));
}

/** An observed filesystem as an endpoint calls it, by its name on the sender. Its versions are decoded when they are asked for. */
export function stateOf(
  found: Omit<FilesystemState, "filesystem" | "refusal">,
  filesystem: string,
  refusal?: string,
): FilesystemState {
  return new State(found, filesystem, refusal);
}

/** A class, likewise. */
class State implements FilesystemState {
  readonly filesystem: string;
  readonly type: "filesystem" | "volume";
  readonly isPlaceholder: boolean;
  readonly encrypted: boolean;
  readonly resumeToken: string | undefined;
  readonly holds: FilesystemState["holds"];
  readonly history: History;
  readonly refusal: string | undefined;

  constructor(found: Omit<FilesystemState, "filesystem" | "refusal">, filesystem: string, refusal?: string) {
    this.filesystem = filesystem;
    this.type = found.type;
    this.isPlaceholder = found.isPlaceholder;
    this.encrypted = found.encrypted;
    this.resumeToken = found.resumeToken;
    this.holds = found.holds;
    this.history = historyOf(found);
    this.refusal = refusal;
  }

  get versions(): readonly FilesystemVersion[] {
    return this.history.versions;
  }
}

export const NO_HOLDS: ReadonlyMap<string, readonly string[]> = new Map();

async function placeholderNames(
  runner: Runner,
  request: ListingRequest,
  records: readonly FilesystemRecord[],
): Promise<Set<string>> {
  const names = new Set<string>();
  const marked = records.filter((record) => isPlaceholderValue(record.name, record.placeholderValue));
  if (marked.length === 0) return names;
  const existing = request.roots.filter((root) =>
    records.some(({ name }) => name === root || name.startsWith(`${root}/`)),
  );
  const local = await listLocalProperty(runner, PLACEHOLDER_PROPERTY, existing);
  for (const { name } of marked) if (isPlaceholderValue(name, local.get(name))) names.add(name);
  return names;
}

async function holdsByFilesystem(
  runner: Runner,
  records: readonly FilesystemRecord[],
): Promise<Map<string, Map<string, string[]>>> {
  const byFilesystem = new Map<string, Map<string, string[]>>();
  for (const { snapshot, tag } of await listHeld(runner, records)) {
    const [filesystem, name] = splitSnapshot(snapshot);
    const bySnapshot = byFilesystem.get(filesystem) ?? new Map<string, string[]>();
    byFilesystem.set(filesystem, bySnapshot);
    bySnapshot.set(name, [...(bySnapshot.get(name) ?? []), tag]);
  }
  return byFilesystem;
}
