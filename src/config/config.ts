/**
 * The config after loading: typed, checked, defaults filled in, units in the names. Made by `toConfig` from the YAML
 * shape (schemas/config.schema.json); zrepl-behaviour.md §2 says where each key comes from.
 */
import type { GlobalConfig } from "./global-config.ts";
import type { BothPruning, LocalPruning } from "./pruning-config.ts";

/** A compiled RE2 regex; `test` is zrepl's unanchored search. */
export interface Pattern {
  readonly source: string;
  test(name: string): boolean;
}

/** zrepl's filesystem filter (§2.10): `match` says whether a dataset path is included. */
export interface FilesystemFilter {
  /** The entries as written, pattern (with a trailing `<` for a subtree) → included. */
  readonly rules: ReadonlyMap<string, boolean>;
  /** Extension: what matches one of these is excluded, whatever the rules say. */
  readonly excludes?: readonly Pattern[];
  /** Extension: what is included must also have the property. `match` does not know of it: see endpoint/select.ts. */
  readonly byProperty?: PropertyCondition;
  /** Whether the rules include the filesystem and no exclude takes it out. */
  match(filesystem: string): boolean;
}

/** A user property, local or inherited, must have one of the values. */
export interface PropertyCondition {
  readonly property: string;
  readonly values: readonly string[];
}

export interface BandwidthLimit {
  readonly maxBytesPerSec: number;
  readonly bucketBytes: number;
}

export interface SendOptions {
  readonly encrypted: boolean;
  readonly raw: boolean;
  readonly sendProperties: boolean;
  readonly backupProperties: boolean;
  readonly largeBlocks: boolean;
  readonly compressed: boolean;
  readonly embeddedData: boolean;
  readonly saved: boolean;
  /** Absent = unlimited. */
  readonly bandwidthLimit?: BandwidthLimit;
}

export interface RecvOptions {
  /** `-x` on every recv. */
  readonly inheritProperties: readonly string[];
  /** `-o` on every recv. */
  readonly overrideProperties: Readonly<Record<string, string>>;
  /** Extension: properties that may come from another host's stream although that may be dangerous. */
  readonly allowFromStream?: readonly string[];
  readonly placeholderEncryption: "unspecified" | "inherit" | "off";
  /** Extension: where the sender's filesystems go; absent = below the root under their own names. */
  readonly rootMapping?: RootMapping;
  /** Extension, never with rootMapping: how many components the sender's names lose at their beginning. */
  readonly stripPrefix?: number;
  readonly bandwidthLimit?: BandwidthLimit;
}

/** A filesystem on the sender, `<` after it for its subtree → the full name on the receiver, or `!`: see endpoint/placement.ts. */
export type RootMapping = ReadonlyMap<string, string>;

/** zrepl's replication.protection values (§3.4). */
export type Guarantee = "guarantee_resumability" | "guarantee_incremental" | "guarantee_nothing";

export interface ReplicationOptions {
  readonly protection: { readonly initial: Guarantee; readonly incremental: Guarantee };
  readonly concurrency: { readonly steps: number; readonly sizeEstimates: number };
  /** Extension: only these snapshots are replicated; absent include = all. */
  readonly snapshots: { readonly include: readonly Pattern[]; readonly exclude: readonly Pattern[] };
  /** Extension: consecutive snapshots go as one `zfs send -I`. */
  readonly bundle: boolean;
  /** Extension: retries inside one invocation, for temporary errors only. */
  readonly retry: { readonly attempts: number; readonly backoffSec: number };
  /** Extension: a transfer without progress for so long is cancelled; 0 = never. */
  readonly stallTimeoutSec: number;
  /** Extension: steps whose holds and cursors are done together, and how long that may be put off. */
  readonly bookkeeping: { readonly maxSteps: number; readonly maxDelaySec: number };
  /** Extension: what to do with a resume token whose snapshot is gone from the sender. */
  readonly onDeadToken: "clear" | "fail";
  /** Extension: programs to run around the replication; absent = none. */
  readonly hooks?: readonly CommandHookConfig[];
}

/** A program around the replication of a job. */
export interface CommandHookConfig {
  readonly type: "command";
  readonly path: string;
  readonly timeoutSec: number;
  readonly errIsFatal: boolean;
}

export interface ConflictResolution {
  readonly initialReplication: "most_recent" | "all" | "fail";
  /** Extension: what to do with a receiver that has snapshots of its own after the last common one. */
  readonly diverged: "fail" | "rollback" | "set_aside";
}

export type HookConfig =
  | {
      readonly type: "command";
      readonly path: string;
      readonly timeoutSec: number;
      readonly errIsFatal: boolean;
      readonly filesystems: FilesystemFilter;
    }
  | {
      readonly type: "postgres-checkpoint" | "mysql-lock-tables";
      readonly dsn: string;
      readonly timeoutSec: number;
      readonly errIsFatal: boolean;
      readonly filesystems: FilesystemFilter;
    };

export type Snapshotting =
  | ({ readonly type: "periodic"; readonly intervalSec: number } & SnapshotOptions)
  | ({ readonly type: "cron"; readonly cron: string } & SnapshotOptions)
  | { readonly type: "manual" };

export interface SnapshotOptions {
  readonly prefix: string;
  readonly timestampFormat: string;
  readonly timestampLocation: string;
  readonly hooks: readonly HookConfig[];
  /** Extension: no snapshot where nothing was written since the newest one with the prefix. */
  readonly skipUnchanged?: boolean;
  /** Extension: user properties of each snapshot. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Extension: a value above `warn` is a warning, above `crit` is critical; at least one of them is there. */
export interface Threshold {
  readonly warn?: number;
  readonly crit?: number;
}

/** Extension: what `monitor` compares with, unless its command line says otherwise; absent = not compared. */
export interface Monitoring {
  /** Age of each filesystem's newest snapshot, on each side. */
  readonly newestSec?: Threshold;
  readonly oldestSec?: Threshold;
  /** From the newest replicated snapshot to the newest one. */
  readonly lagSec?: Threshold;
  /** Snapshots of each filesystem, on each side. */
  readonly count?: Threshold;
  /** Age of a snapshot with a hold that a run has left behind. */
  readonly staleHoldSec?: number;
}

export type Connect =
  | { readonly type: "tcp"; readonly address: string; readonly dialTimeoutSec: number; readonly keepAliveSec?: number }
  | {
      readonly type: "tls";
      readonly address: string;
      readonly ca: string;
      readonly cert: string;
      readonly key: string;
      readonly serverCn: string;
      readonly dialTimeoutSec: number;
      readonly keepAliveSec?: number;
    }
  | {
      readonly type: "ssh+stdinserver";
      readonly host: string;
      readonly user: string;
      readonly port: number;
      readonly identityFile: string;
      readonly options: readonly string[];
      readonly sshCommand: string;
      readonly dialTimeoutSec: number;
      /** Extension: how long the other side may be silent; both sides go by it. The loader always sets it. */
      readonly keepAliveSec?: number;
    }
  | {
      readonly type: "local";
      readonly listenerName: string;
      readonly clientIdentity: string;
      readonly dialTimeoutSec: number;
    };

export type Serve =
  | {
      readonly type: "tcp";
      readonly listen: string;
      readonly listenFreebind: boolean;
      readonly clients: ReadonlyMap<string, string>;
    }
  | {
      readonly type: "tls";
      readonly listen: string;
      readonly listenFreebind: boolean;
      readonly ca: string;
      readonly cert: string;
      readonly key: string;
      readonly clientCns: readonly string[];
      readonly handshakeTimeoutSec: number;
    }
  | { readonly type: "stdinserver"; readonly clientIdentities: readonly string[] }
  | { readonly type: "local"; readonly listenerName: string };

export interface SnapJob {
  readonly type: "snap";
  readonly name: string;
  readonly monitoring?: Monitoring;
  readonly filesystems: FilesystemFilter;
  readonly snapshotting: Snapshotting;
  readonly pruning: LocalPruning;
}

export interface PushJob {
  readonly type: "push";
  readonly name: string;
  readonly monitoring?: Monitoring;
  readonly connect: Connect;
  readonly filesystems: FilesystemFilter;
  readonly send: SendOptions;
  readonly snapshotting: Snapshotting;
  readonly pruning: BothPruning;
  readonly replication: ReplicationOptions;
  readonly conflictResolution: ConflictResolution;
}

export interface PullJob {
  readonly type: "pull";
  readonly name: string;
  readonly monitoring?: Monitoring;
  readonly connect: Connect;
  readonly rootFs: string;
  /** `manual`, or seconds between pulls (for the timer generator only). */
  readonly interval: "manual" | number;
  readonly recv: RecvOptions;
  readonly pruning: BothPruning;
  readonly replication: ReplicationOptions;
  readonly conflictResolution: ConflictResolution;
}

/** Extension: what the clients of a sink or source may do, enforced by it. */
export interface Permissions {
  readonly receive: boolean;
  readonly send: boolean;
  readonly list: boolean;
  readonly prune: boolean;
}

export interface SinkJob {
  readonly type: "sink";
  readonly name: string;
  readonly monitoring?: Monitoring;
  readonly serve: Serve;
  /** The loader always sets it; absent = everything. */
  readonly permissions?: Permissions;
  /** Extension: most filesystems of one client; absent = unlimited. */
  readonly maxFilesystems?: number;
  readonly rootFs: string;
  readonly recv: RecvOptions;
  /** Extension: pruned here, by itself. */
  readonly pruning?: LocalPruning;
}

export interface SourceJob {
  readonly type: "source";
  readonly name: string;
  readonly monitoring?: Monitoring;
  readonly serve: Serve;
  /** The loader always sets it; absent = everything. */
  readonly permissions?: Permissions;
  readonly filesystems: FilesystemFilter;
  readonly send: SendOptions;
  readonly snapshotting: Snapshotting;
  /** Extension: pruned here, by itself. */
  readonly pruning?: LocalPruning;
}

export type Job = SnapJob | PushJob | PullJob | SinkJob | SourceJob;

export interface Config {
  /** Absolute path of the main file. */
  readonly file: string;
  readonly jobs: readonly Job[];
  readonly global: GlobalConfig;
  /** Keys that are accepted but that only a daemon could honour, one line each. */
  readonly warnings: readonly string[];
}
