/** What the messages mean: our values as JSON, and back with every part checked. */
import type {
  ConfirmedStep,
  DestroyFailure,
  DestroyRequest,
  FilesystemFailures,
  FilesystemState,
  Misplaced,
  StepRequest,
} from "../endpoint/endpoint.ts";
import { knownPart } from "../endpoint/stripped-name.ts";
import { bookmarkNameProblem, componentProblem, filesystemNameProblem, snapshotNameProblem } from "../zfs/name.ts";
import type { PoolFeatures } from "../zfs/pool-features.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import type { FilesystemVersion } from "../zfs/version.ts";
import { type Check, flag, integer, list, matching, object, oneOf, optional, text } from "./checks.ts";
import { type WireError, wireError } from "./remote-error.ts";
import { LIMITS, ProtocolError } from "./wire.ts";

const MAX_UINT64 = 2n ** 64n - 1n;
const MAX_BATCH = 20_000;

const uint64: Check<string> = (value, place) => {
  const digits = matching(/^(?:0|[1-9]\d{0,19})$/, "an unsigned 64-bit number as text", 20)(value, place);
  if (BigInt(digits) > MAX_UINT64) throw new ProtocolError(`malformed message: ${place} is larger than 64 bits`);
  return digits;
};

export const filesystemName: Check<string> = text(255, filesystemNameProblem);
/** It may have lost what it begins with (`recv.strip_prefix`, at most 50 components). Never part of a request. */
const listedName: Check<string> = text(255 + 50 * 2, (name) => filesystemNameProblem(knownPart(name)));
const versionName: Check<string> = text(255, componentProblem);
const holdTag = text(255);
const guarantee = oneOf("guarantee_resumability", "guarantee_incremental", "guarantee_nothing");
const datasetType = oneOf("filesystem", "volume");
/** As OpenZFS makes them: version, checksum, length, compressed nvlist, all in hex. */
export const resumeTokenText: Check<string> = matching(/^\d{1,4}(?:-[0-9a-f]+){3}$/, "a resume token", 64 * 1024);

const createtxg: Check<bigint> = (value, place) => BigInt(uint64(value, place));

export const version: Check<FilesystemVersion> = object<FilesystemVersion>({
  kind: oneOf("snapshot", "bookmark"),
  name: versionName,
  guid: uint64,
  createtxg,
  creationSec: integer(0, Number.MAX_SAFE_INTEGER),
  userrefs: integer(0, Number.MAX_SAFE_INTEGER),
});

const snapshot: Check<FilesystemVersion> = (value, place) => {
  const checked = version(value, place);
  if (checked.kind !== "snapshot") throw new ProtocolError(`malformed message: ${place} must be a snapshot`);
  return checked;
};

export function encodeVersion({ kind, name, guid, createtxg: txg, creationSec, userrefs }: FilesystemVersion): object {
  return { kind, name, guid, createtxg: txg.toString(), creationSec, userrefs };
}

const stepShape = object<StepRequest>({
  filesystem: filesystemName,
  type: datasetType,
  from: optional(version),
  to: snapshot,
  resumeToken: optional(resumeTokenText),
  via: list(snapshot, MAX_BATCH),
  guarantee,
  comparison: optional(object<{ largeBlocks: boolean }>({ largeBlocks: flag })),
});

/** A step whose full names are short enough for ZFS too. */
export const stepRequest: Check<StepRequest> = (value, place) => {
  const step = stepShape(value, place);
  for (const { kind, name } of [step.to, ...step.via, ...(step.from === undefined ? [] : [step.from])]) {
    const problem =
      kind === "snapshot"
        ? snapshotNameProblem(`${step.filesystem}@${name}`)
        : bookmarkNameProblem(`${step.filesystem}#${name}`);
    if (problem !== undefined) throw new ProtocolError(`malformed message: ${place}: the name of a version ${problem}`);
  }
  return step;
};

export function encodeStep(step: StepRequest): object {
  return {
    filesystem: step.filesystem,
    type: step.type,
    from: step.from && encodeVersion(step.from),
    to: encodeVersion(step.to),
    resumeToken: step.resumeToken,
    via: step.via.map(encodeVersion),
    guarantee: step.guarantee,
    comparison: step.comparison,
  };
}

export const confirmedStep: Check<ConfirmedStep> = object<ConfirmedStep>({
  filesystem: filesystemName,
  to: snapshot,
  guarantee,
  unfinished: optional(stepRequest),
});

export function encodeConfirmed({ filesystem, to, guarantee: how, unfinished }: ConfirmedStep): object {
  return { filesystem, to: encodeVersion(to), guarantee: how, unfinished: unfinished && encodeStep(unfinished) };
}

export const destroyRequest: Check<DestroyRequest> = object<DestroyRequest>({
  filesystem: filesystemName,
  snapshots: list(snapshot, MAX_BATCH),
});

export function encodeDestroy({ filesystem, snapshots }: DestroyRequest): object {
  return { filesystem, snapshots: snapshots.map(encodeVersion) };
}

export const destroyFailure: Check<DestroyFailure> = object<DestroyFailure>({
  filesystem: filesystemName,
  snapshot,
  outcome: oneOf("kept", "replaced", "failed"),
  message: text(64 * 1024),
});

export function encodeDestroyFailure(failure: DestroyFailure): object {
  return { ...failure, snapshot: encodeVersion(failure.snapshot) };
}

const reclaimableItem = object<{ filesystem: string; bytes: number }>({
  filesystem: filesystemName,
  bytes: integer(0, Number.MAX_SAFE_INTEGER),
});
export const reclaimable = list(reclaimableItem, MAX_BATCH);

export function encodeReclaimable(bytes: ReadonlyMap<string, number>): object[] {
  return [...bytes].map(([filesystem, free]) => ({ filesystem, bytes: free }));
}

const feature = object<{ name: string; state: string }>({
  name: matching(/^[\w.:-]+$/, "the name of a feature", 255),
  state: oneOf("disabled", "enabled", "active"),
});
const features = object<{ pool: string; features: { name: string; state: string }[] }>({
  pool: text(255, filesystemNameProblem),
  features: list(feature, 1000),
});
const pools = list(features, 1000);

export function poolFeatures(value: unknown, place: string): PoolFeatures[] {
  return pools(value, place).map(({ pool, features: found }) => ({
    pool,
    features: new Map(found.map(({ name, state }) => [name, state])),
  }));
}

export function encodePoolFeatures({ pool, features: found }: PoolFeatures): object {
  return { pool, features: [...found].map(([name, state]) => ({ name, state })) };
}

export const resumeToken: Check<ResumeToken> = object<ResumeToken>({
  toGuid: uint64,
  fromGuid: optional(uint64),
  toName: text(512),
  bytes: integer(0, Number.MAX_SAFE_INTEGER),
  remainingBytes: optional(integer(0, Number.MAX_SAFE_INTEGER)),
  raw: flag,
  refusal: optional(text(64 * 1024)),
});

export const batchOf = <T>(check: Check<T>): Check<T[]> => list(check, MAX_BATCH);

const failure = object<{ filesystem: string; error: WireError }>({ filesystem: filesystemName, error: wireError });
export const failureList = list(failure, MAX_BATCH);

export function encodeFailures(failures: FilesystemFailures, encode: (error: Error) => object): object[] {
  return [...failures].map(([filesystem, error]) => ({ filesystem, error: encode(error) }));
}

const misplaced = object<{ filesystem: string } & Misplaced>({
  filesystem: filesystemName,
  kind: oneOf("leftOut", "nowhere"),
  message: text(64 * 1024),
});
export const misplacedList = list(misplaced, MAX_BATCH);

export function encodeMisplaced(found: ReadonlyMap<string, Misplaced>): object[] {
  return [...found].map(([filesystem, { kind, message }]) => ({ filesystem, kind, message }));
}

/** One line of a listing. Filesystems come with their versions after them. */
type ListingItem = ["f", ...unknown[]] | ["v", ...unknown[]] | ["p", string];

/** Breaks a listing into items, so that it can be sent in pieces however large it is. */
export function* encodeListing(
  filesystems: readonly FilesystemState[],
  problems: readonly string[],
): Generator<ListingItem> {
  for (const problem of problems) yield ["p", problem];
  for (const state of filesystems) {
    const { filesystem, type, isPlaceholder, encrypted, resumeToken: token, refusal } = state;
    yield ["f", filesystem, type, isPlaceholder, encrypted, token ?? null, refusal ?? null];
    for (const { kind, name, guid, createtxg: txg, creationSec, userrefs } of state.versions) {
      const tags = kind === "snapshot" ? state.holds.get(name) : undefined;
      yield ["v", kind === "snapshot" ? "@" : "#", name, guid, txg.toString(), creationSec, userrefs, tags ?? null];
    }
  }
}

/** Puts the items of a listing together again. @throws {ProtocolError} */
export class ListingReader {
  readonly filesystems: FilesystemState[] = [];
  readonly problems: string[] = [];
  #versions: FilesystemVersion[] = [];
  #holds = new Map<string, readonly string[]>();
  #items = 0;

  item(item: unknown): void {
    this.#count(1);
    if (!Array.isArray(item)) throw new ProtocolError("malformed message: a listing's item is not a list");
    if (item[0] === "v") this.#version(item);
    else if (item[0] === "f") this.#filesystem(item);
    else if (item[0] === "p") this.problems.push(text(64 * 1024)(item[1], "problem"));
    else throw new ProtocolError("malformed message: a listing's item of unknown kind");
  }

  #filesystem(item: readonly unknown[]): void {
    this.#versions = [];
    this.#holds = new Map();
    this.filesystems.push({
      filesystem: listedName(item[1], "filesystem"),
      type: datasetType(item[2], "type"),
      isPlaceholder: flag(item[3], "isPlaceholder"),
      encrypted: flag(item[4], "encrypted"),
      resumeToken: optional(resumeTokenText)(item[5], "resumeToken"),
      refusal: optional(text(64 * 1024))(item[6], "refusal"),
      versions: this.#versions,
      holds: this.#holds,
    });
  }

  #version(item: readonly unknown[]): void {
    if (this.filesystems.length === 0) throw new ProtocolError("malformed message: a version without a filesystem");
    const [, delimiter, rawName, guid, txg, creationSec, userrefs, tags] = item;
    const name = versionName(rawName, "name");
    const kind = oneOf("@", "#")(delimiter, "kind") === "@" ? "snapshot" : "bookmark";
    const count = integer(0, Number.MAX_SAFE_INTEGER);
    this.#versions.push({
      kind,
      name,
      guid: uint64(guid, "guid"),
      createtxg: createtxg(txg, "createtxg"),
      creationSec: count(creationSec, "creationSec"),
      userrefs: count(userrefs, "userrefs"),
    });
    if (tags === null || tags === undefined) return;
    const checked = list(holdTag, MAX_BATCH)(tags, "holds");
    this.#count(checked.length);
    this.#holds.set(name, checked);
  }

  #count(items: number): void {
    this.#items += items;
    if (this.#items > LIMITS.listingItems)
      throw new ProtocolError(`the other side's listing has more than ${LIMITS.listingItems} entries`, {
        hint: "prune there, or give the filesystems to several jobs",
      });
  }
}
