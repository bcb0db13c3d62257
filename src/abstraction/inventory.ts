/** zrepl's holds and bookmarks as things of their own, whoever's job they are (zrepl-behaviour.md §3.3, §3.6). Pure. */
import { lastReceivedHoldJob, parseCursor, stepHoldJob, V1_CURSOR } from "../zfs/abstraction.ts";
import type { FilesystemRecord } from "../zfs/listing-parser.ts";
import type { HoldRecord } from "../zfs/parse.ts";
import { type FilesystemVersion, relativeName } from "../zfs/version.ts";

/** zrepl's names for the kinds. */
export const ABSTRACTION_TYPES = [
  "step-hold",
  "last-received-hold",
  "tentative-replication-cursor-bookmark-v2",
  "replication-cursor-bookmark-v2",
  "replication-cursor-bookmark-v1",
] as const;

export type AbstractionType = (typeof ABSTRACTION_TYPES)[number];

export interface Abstraction {
  readonly type: AbstractionType;
  readonly filesystem: string;
  /** The bookmark, or the snapshot that is held. */
  readonly version: FilesystemVersion;
  /** Of a hold. */
  readonly tag: string | undefined;
  /** undefined = the old cursor, which names no job. */
  readonly job: string | undefined;
}

/** The abstractions of listed filesystems: by filesystem, and there from old to new. */
export function inventory(records: Iterable<FilesystemRecord>, holds: readonly HoldRecord[]): Abstraction[] {
  const tags = new Map<string, string[]>();
  for (const { snapshot, tag } of holds) tags.set(snapshot, [...(tags.get(snapshot) ?? []), tag]);
  return [...records].flatMap(({ name, versions }) =>
    versions.flatMap((version) =>
      version.kind === "bookmark"
        ? bookmarkOf(name, version)
        : (tags.get(`${name}@${version.name}`) ?? []).flatMap((tag) => holdOf(name, version, tag)),
    ),
  );
}

function bookmarkOf(filesystem: string, version: FilesystemVersion): Abstraction[] {
  if (version.name === V1_CURSOR)
    return [{ type: "replication-cursor-bookmark-v1", filesystem, version, tag: undefined, job: undefined }];
  const cursor = parseCursor(version);
  if (cursor === undefined) return [];
  const type = cursor.kind === "cursor" ? "replication-cursor-bookmark-v2" : "tentative-replication-cursor-bookmark-v2";
  return [{ type, filesystem, version, tag: undefined, job: cursor.job }];
}

function holdOf(filesystem: string, version: FilesystemVersion, tag: string): Abstraction[] {
  const step = stepHoldJob(tag);
  if (step !== undefined) return [{ type: "step-hold", filesystem, version, tag, job: step }];
  const received = lastReceivedHoldJob(tag);
  return received === undefined ? [] : [{ type: "last-received-hold", filesystem, version, tag, job: received }];
}

/** The bookmark's or the held snapshot's full name. */
export function fullName({ filesystem, version }: Abstraction): string {
  return filesystem + relativeName(version);
}

/** As zrepl writes it: `step-hold "zrepl_STEP_J_prod" on tank/a@1`. */
export function describeAbstraction(abstraction: Abstraction): string {
  const { type, tag } = abstraction;
  return tag === undefined ? `${type} ${fullName(abstraction)}` : `${type} "${tag}" on ${fullName(abstraction)}`;
}
