/**
 * What zrepl makes of what is on disk: its rules for names (zrepl-behaviour.md §3.1 to §3.3), planning (§4.3 to §4.6) and
 * stale abstractions (§3.7), written from the description and on purpose without any of src/, so that both can't be wrong alike.
 */
import { createHash } from "node:crypto";

export interface Version {
  /** `@name` or `#name` */
  readonly name: string;
  readonly guid: bigint;
  readonly createtxg: bigint;
  readonly tags: readonly string[];
}

export interface Token {
  readonly toguid: bigint;
  readonly fromguid: bigint | undefined;
}

export interface Side {
  readonly filesystem: string;
  readonly versions: readonly Version[];
  /** Local value of zrepl:placeholder. */
  readonly placeholder: string | undefined;
  readonly token: Token | undefined;
}

interface Abstraction {
  readonly kind: "cursor" | "tentative" | "step" | "lastReceived";
  readonly job: string;
  readonly version: Version;
}

const isSnapshot = ({ name }: Version) => name.startsWith("@");

function isJobId(text: string): boolean {
  return /^[0-9a-zA-Z\-_.: ]+$/.test(text) && text !== "." && text !== "..";
}

/** zrepl's abstractions of a filesystem, and what looks like one but is none to zrepl. */
export function recognize({ filesystem, versions }: Side): { readonly own: Abstraction[]; readonly odd: string[] } {
  const own: Abstraction[] = [];
  const odd: string[] = [];
  for (const version of versions) {
    if (!isSnapshot(version) && version.name.startsWith("#zrepl_")) {
      const [, prefix, hex = "", job = ""] = /^#(.+)_G_([0-9a-f]{16})_J_(.+)$/.exec(version.name) ?? [];
      const kind = prefix === "zrepl_CURSOR" ? "cursor" : prefix === "zrepl_CURSORTENTATIVE_" ? "tentative" : undefined;
      if (
        kind === undefined ||
        !isJobId(job) ||
        BigInt(`0x${hex}`) !== version.guid ||
        (filesystem + version.name).length > 255
      )
        odd.push(filesystem + version.name);
      else own.push({ kind, job, version });
    }
    for (const tag of version.tags) {
      const step = /^zrepl_STEP_J_(.+)/.exec(tag)?.[1];
      const received = /^zrepl_last_received_J_(.+)$/.exec(tag)?.[1];
      if (step !== undefined && isJobId(step)) own.push({ kind: "step", job: step, version });
      else if (received !== undefined && isJobId(received)) own.push({ kind: "lastReceived", job: received, version });
      else if (tag.startsWith("zrepl_")) odd.push(`${tag} on ${filesystem}${version.name}`);
    }
  }
  return { own, odd };
}

/** On ties bookmark before snapshot. */
function inOrder(versions: readonly Version[]): Version[] {
  return [...versions].sort((a, b) =>
    a.createtxg === b.createtxg ? Number(isSnapshot(a)) - Number(isSnapshot(b)) : a.createtxg < b.createtxg ? -1 : 1,
  );
}

/** `on`, or as zrepl 0.0 had it, the hash of its path. */
function isPlaceholderOf({ filesystem, placeholder }: Side): boolean {
  return placeholder === "on" || placeholder === createHash("sha512-256").update(filesystem).digest("hex");
}

/** What zrepl would do next: `@1 → @2`, `resume @1 → @2`, `full @3`, `nothing`, or `error: …`. */
export function plan(sender: Side, receiver: Side | undefined): string {
  const ours = inOrder(sender.versions);
  if (ours.length === 0) return "error: sender does not have any versions";
  const isPlaceholder = receiver !== undefined && isPlaceholderOf(receiver);
  const theirs = receiver === undefined || isPlaceholder ? [] : inOrder(receiver.versions).filter(isSnapshot);
  if (receiver?.token !== undefined) {
    const { toguid, fromguid } = receiver.token;
    const to = ours.find((version) => isSnapshot(version) && version.guid === toguid);
    if (to === undefined) return "error: resume token `toguid` not found on sender";
    const from = ours.findLast(({ guid }) => guid === fromguid);
    if (fromguid !== undefined && from === undefined) return "error: resume token expected to be incremental";
    return `resume ${from?.name ?? "full"} → ${to.name}`;
  }
  for (let r = theirs.length - 1; r >= 0; r--) {
    const s = ours.findLastIndex(({ guid }) => guid === theirs[r]?.guid);
    const base = ours[s];
    if (base === undefined) continue;
    if (r !== theirs.length - 1) return `error: diverged after ${base.name}`;
    const next = ours.slice(s + 1).find((version) => isSnapshot(version) && version.guid !== base.guid);
    return next === undefined ? "nothing" : `${base.name} → ${next.name}`;
  }
  if (theirs.length > 0) return "error: no common snapshot or suitable bookmark";
  const newest = ours.findLast(isSnapshot);
  if (newest === undefined) return "error: no snapshots available on sender side";
  // it receives over a placeholder, not over a filesystem that only looks empty
  if (receiver !== undefined && !isPlaceholder) return "error: destination exists";
  return `full ${newest.name}`;
}

/** What of a job zrepl's release-stale would take away. */
export function stale(side: Side, job: string): string[] {
  const own = recognize(side).own.filter((abstraction) => abstraction.job === job);
  const newest = (kind: Abstraction["kind"]) =>
    own
      .filter((abstraction) => abstraction.kind === kind)
      .reduce((max, { version }) => (version.createtxg > max ? version.createtxg : max), -1n);
  const cursor = newest("cursor");
  return own.flatMap(({ kind, version: { name, createtxg } }) => {
    const isStale =
      kind === "step"
        ? cursor >= 0n
          ? createtxg <= cursor
          : createtxg < newest("step")
        : kind !== "tentative" && createtxg < newest(kind);
    return isStale ? [`${kind} ${name}`] : [];
  });
}

/** What is not as zrepl itself leaves it after a step that it finished; empty = all is. */
export function afterAStep(
  sender: Side,
  receiver: Side,
  jobs: { readonly push: string; readonly sink: string },
): string[] {
  const problems = [...recognize(sender).odd, ...recognize(receiver).odd].map((odd) => `odd: ${odd}`);
  const newest = inOrder(receiver.versions).findLast(isSnapshot);
  const of = (side: Side, job: string) =>
    recognize(side)
      .own.filter((abstraction) => abstraction.job === job)
      .map(({ kind, version }) => `${kind} ${version.guid}`)
      .sort();
  const expect = (what: string, found: readonly string[], wanted: readonly string[]) => {
    if (found.join() !== wanted.join()) problems.push(`${what}: ${found.join(", ")} instead of ${wanted.join(", ")}`);
  };
  expect(`sender ${sender.filesystem}`, of(sender, jobs.push), [`cursor ${newest?.guid}`]);
  expect(`receiver ${receiver.filesystem}`, of(receiver, jobs.sink), [`lastReceived ${newest?.guid}`]);
  if (isPlaceholderOf(receiver)) problems.push(`${receiver.filesystem} is a placeholder`);
  if (receiver.token !== undefined) problems.push(`${receiver.filesystem} has a resume token`);
  return problems;
}

/** Reads `zfs list -Hp -d 1 -t snapshot,bookmark -o name,guid,createtxg FS` and `zfs holds -H SNAPSHOT…`. */
export function readVersions(list: string, holds: string): Version[] {
  const tags = new Map<string, string[]>();
  for (const line of holds.split("\n").filter(Boolean)) {
    const [snapshot = "", tag = ""] = line.split("\t");
    tags.set(snapshot, [...(tags.get(snapshot) ?? []), tag]);
  }
  return list
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [path = "", guid = "0", createtxg = "0"] = line.split("\t");
      const name = path.slice(path.search(/[@#]/));
      return { name, guid: BigInt(guid), createtxg: BigInt(createtxg), tags: tags.get(path) ?? [] };
    });
}
