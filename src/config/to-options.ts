import type {
  RawBandwidthLimit,
  RawConflictResolution,
  RawRecv,
  RawReplication,
  RawReplicationHook,
  RawSend,
} from "../generated/raw-config.ts";
import { filesystemNameProblem } from "../zfs/name.ts";
import type {
  BandwidthLimit,
  CommandHookConfig,
  ConflictResolution,
  RecvOptions,
  ReplicationOptions,
  RootMapping,
  SendOptions,
} from "./config.ts";
import { parseGoDuration, parsePositiveGoDuration } from "./grammar/duration.ts";
import { parseBandwidth, parseBucketSize } from "./grammar/size.ts";
import type { Site } from "./site.ts";

/** `send:` of a push or source job. */
export function toSend(raw: RawSend): SendOptions {
  return {
    encrypted: raw.encrypted,
    raw: raw.raw,
    sendProperties: raw.send_properties,
    backupProperties: raw.backup_properties,
    largeBlocks: raw.large_blocks,
    compressed: raw.compressed,
    embeddedData: raw.embedded_data,
    saved: raw.saved,
    ...toBandwidthLimit(raw.bandwidth_limit),
  };
}

/** `recv:` of a pull or sink job. */
export function toRecv(raw: RawRecv, site: Site): RecvOptions {
  const { inherit, override, allow_from_stream: allowed } = raw.properties;
  inherit.forEach((property, i) => {
    if (Object.hasOwn(override, property))
      site.at("properties", "inherit", i).warn(`${property} is in override too; zfs recv refuses to do both`);
  });
  return {
    inheritProperties: inherit,
    overrideProperties: override,
    ...(allowed.length === 0 ? {} : { allowFromStream: allowed }),
    placeholderEncryption: raw.placeholder.encryption,
    ...toRootMapping(raw.root_mapping, site.at("root_mapping")),
    ...toStripPrefix(raw, site.at("strip_prefix")),
    ...toBandwidthLimit(raw.bandwidth_limit),
  };
}

function toRootMapping(raw: RawRecv["root_mapping"], site: Site): { readonly rootMapping?: RootMapping } {
  const entries = Object.entries(raw);
  for (const [pattern, target] of entries) {
    const problem = target === "!" ? undefined : filesystemNameProblem(target);
    if (problem !== undefined)
      site.at(pattern).problem(`${JSON.stringify(target)} is neither "!" nor a filesystem: it ${problem}`);
  }
  return entries.length === 0 ? {} : { rootMapping: new Map(entries) };
}

function toStripPrefix(raw: RawRecv, site: Site): { readonly stripPrefix?: number } {
  if (raw.strip_prefix === 0) return {};
  if (Object.keys(raw.root_mapping).length > 0)
    site.problem("strip_prefix and root_mapping both say where filesystems go: keep one of them");
  return { stripPrefix: raw.strip_prefix };
}

function toBandwidthLimit(raw: RawBandwidthLimit): { readonly bandwidthLimit?: BandwidthLimit } {
  const maxBytesPerSec = parseBandwidth(raw.max);
  if (maxBytesPerSec === undefined) return {};
  return { bandwidthLimit: { maxBytesPerSec, bucketBytes: parseBucketSize(raw.bucket_capacity) } };
}

/** `replication:` of a push or pull job. */
export function toReplication(raw: RawReplication, site: Site): ReplicationOptions {
  const { protection, concurrency, snapshots, retry, resume, bookkeeping } = raw;
  return {
    protection,
    concurrency: { steps: concurrency.steps, sizeEstimates: concurrency.size_estimates },
    snapshots: {
      include: snapshots.include.map((regex) => site.pattern(regex)),
      exclude: snapshots.exclude.map((regex) => site.pattern(regex)),
    },
    bundle: raw.bundle,
    retry: { attempts: retry.attempts, backoffSec: parseGoDuration(retry.backoff) },
    stallTimeoutSec: parseGoDuration(raw.stall_timeout),
    bookkeeping: { maxSteps: bookkeeping.max_steps, maxDelaySec: parseGoDuration(bookkeeping.max_delay) },
    onDeadToken: resume.on_dead_token,
    ...(raw.hooks.length === 0 ? {} : { hooks: raw.hooks.map(toReplicationHook) }),
  };
}

function toReplicationHook(raw: RawReplicationHook): CommandHookConfig {
  return {
    type: raw.type,
    path: raw.path,
    timeoutSec: parsePositiveGoDuration(raw.timeout),
    errIsFatal: raw.err_is_fatal,
  };
}

/** `conflict_resolution:` of a push or pull job. */
export function toConflictResolution(raw: RawConflictResolution): ConflictResolution {
  return { initialReplication: raw.initial_replication, diverged: raw.diverged };
}
