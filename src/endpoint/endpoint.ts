/**
 * The two logical ends of replication (zrepl-behaviour.md §1.1). `LocalSender` and `LocalReceiver` work on this host's
 * ZFS; remote ones speak to a `stdinserver`. Whatever protects data is enforced behind these interfaces, on the side
 * that owns the data. Filesystems are named by their path on the sender; the receiver maps them below its root.
 */
import type { Guarantee } from "../config/config.ts";
import type { History } from "../zfs/history.ts";
import type { ResumeToken } from "../zfs/resume-token.ts";
import type { CommandResult } from "../zfs/runner.ts";
import type { TokenBucket } from "../zfs/throttle.ts";
import type { StreamEnd } from "../zfs/transfer.ts";
import type { FilesystemVersion } from "../zfs/version.ts";

/** A filesystem or volume as one side sees it. */
export interface FilesystemState {
  readonly filesystem: string;
  readonly type: "filesystem" | "volume";
  readonly isPlaceholder: boolean;
  readonly encrypted: boolean;
  /** Of an interrupted receive into it. */
  readonly resumeToken: string | undefined;
  /** In createtxg order (`compareVersions`). May be a getter of a class: a copy by `...` has none. */
  readonly versions: readonly FilesystemVersion[];
  /** The same, where some of them can be had without the others. Who replaces one replaces both. */
  readonly history?: History | undefined;
  /** Hold tags by snapshot name, for the snapshots that have any. */
  readonly holds: ReadonlyMap<string, readonly string[]>;
  /** Why the sender's policy forbids sending it (encryption, zrepl-behaviour.md §4.7); undefined = allowed. */
  readonly refusal: string | undefined;
}

export interface SideListing {
  /** Sorted by path: parents before children. */
  readonly filesystems: readonly FilesystemState[];
  /** What keeps this listing from being all that the config asks for, e.g. a pool that is not imported. */
  readonly problems: readonly string[];
}

/** One step as both sides are asked for it. */
export interface StepRequest {
  readonly filesystem: string;
  readonly type: "filesystem" | "volume";
  readonly from: FilesystemVersion | undefined;
  readonly to: FilesystemVersion;
  /** Continue an interrupted receive. */
  readonly resumeToken: string | undefined;
  /** Snapshots between `from` and `to` that go along (`zfs send -I`), oldest first. */
  readonly via: readonly FilesystemVersion[];
  /** How the sender protects this step (§3.4). */
  readonly guarantee: Guarantee;
  /** Nobody receives it: without what makes streams smaller, with blocks as they are on the other side; raw as ever. */
  readonly comparison?: { readonly largeBlocks: boolean } | undefined;
}

/** The end of a stream that an endpoint offers, and how it judges the outcome. */
export interface OpenStream {
  readonly end: StreamEnd;
  /**
   * Told how the command at this end ended (undefined: this end is a handle).
   * @returns what went wrong, or undefined. `cause: "peer"` = this end only noticed that the other one stopped.
   */
  judge(result: CommandResult | undefined): Promise<StreamFailure | undefined>;
  /** This side's bandwidth limit, shared by all its streams. */
  readonly limit: TokenBucket | undefined;
}

export interface StreamFailure {
  readonly error: Error;
  readonly cause: "own" | "peer";
}

/** Failures of a batch by filesystem; a filesystem that is not in it is done. */
export type FilesystemFailures = ReadonlyMap<string, Error>;

export interface DestroyRequest {
  readonly filesystem: string;
  readonly snapshots: readonly FilesystemVersion[];
}

/** What became of one snapshot that was to be destroyed. */
export interface DestroyFailure {
  readonly filesystem: string;
  readonly snapshot: FilesystemVersion;
  /** `kept`: held, cloned or busy, which is nobody's mistake; `replaced`: another snapshot has this name now. */
  readonly outcome: "kept" | "replaced" | "failed";
  readonly message: string;
}

export interface Endpoint {
  /** The job whose name this side's bookmarks and holds carry. */
  readonly job: string;
  /** @throws when the side can't be listed at all: nothing can be planned then */
  list(): Promise<SideListing>;
  /** Destroys snapshots whose guid is still the listed one. Held, cloned and busy ones are kept. */
  destroySnapshots(requests: readonly DestroyRequest[]): Promise<readonly DestroyFailure[]>;
  /** Bytes that destroying would free, by filesystem; where that can't be told, the filesystem is absent. Only some endpoints can. */
  reclaimable?(requests: readonly DestroyRequest[]): Promise<ReadonlyMap<string, number>>;
}

export interface Sender extends Endpoint {
  /** undefined = corrupt. */
  decodeToken(token: string): Promise<ResumeToken | undefined>;
  /** Size of the stream in bytes by a dry run; undefined = unknown. @throws when the send would be refused */
  estimate(request: StepRequest): Promise<number | undefined>;
  /**
   * Protects `from` and `to` of steps before any byte is sent (§3.5 step 1): step holds or tentative cursors on disk
   * first, then what earlier runs left for these filesystems is removed.
   */
  prepare(requests: readonly StepRequest[]): Promise<FilesystemFailures>;
  /** @throws when the request breaks a rule of the sender's (encryption policy, token of another filesystem, …) */
  openSend(request: StepRequest): Promise<OpenStream>;
  /**
   * Records that the receiver has `to` (§3.5 step 3): the new cursor first, then old cursors, step holds and tentative
   * cursors of this job go.
   */
  complete(confirmed: readonly ConfirmedStep[]): Promise<FilesystemFailures>;
}

export interface ConfirmedStep {
  readonly filesystem: string;
  readonly to: FilesystemVersion;
  readonly guarantee: Guarantee;
  /** A later step of this filesystem that is prepared but not done, e.g. interrupted: its protection stays. */
  readonly unfinished?: StepRequest | undefined;
}

/** Why a filesystem is not to be received: `leftOut` = the config wants it so. */
export interface Misplaced {
  readonly kind: "leftOut" | "nowhere";
  readonly message: string;
}

/** A look at a receiver that may be enough. */
export interface Glimpse {
  /**
   * Presumes that the only hold on a filesystem's newest snapshot is this job's, and that a filesystem with snapshots is no
   * placeholder: only to see whether there is anything to do. undefined = that can't be presumed.
   */
  readonly presumed: SideListing | undefined;
  /** The whole `list()`, without looking at the same again. */
  list(): Promise<SideListing>;
}

export interface Receiver extends Endpoint {
  /** The first part of `list()`, where the rest costs processes of its own. */
  glimpse?(): Promise<Glimpse>;
  /** Absent = every filesystem has a place of its own. @returns those of the sender's filesystems that have none here */
  misplaced?(filesystems: readonly string[]): Promise<ReadonlyMap<string, Misplaced>>;
  /** Creates missing parents, gets a placeholder out of the way (§4.9). @throws */
  openReceive(request: StepRequest): Promise<OpenStream>;
  /**
   * Makes received snapshots last (§3.5 step 2): checks their guids, puts the last-received hold on them, then takes
   * older ones off.
   */
  confirm(received: readonly ConfirmedStep[]): Promise<FilesystemFailures>;
  /** Throws away an interrupted receive. */
  clearResumeState(filesystem: string): Promise<void>;
  /** Rolls a diverged filesystem back to `to`, destroying exactly `destroys` (guids are checked first). @throws */
  rollback(filesystem: string, to: FilesystemVersion, destroys: readonly FilesystemVersion[]): Promise<void>;
  /** Renames a diverged filesystem out of the way, to its name with `suffix`. @throws */
  setAside(filesystem: string, suffix: string): Promise<void>;
}
