import type { RawJob, RawPullJob, RawPushJob } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import type { Job, Monitoring } from "./config.ts";
import { parsePositiveDurationOrManual } from "./grammar/duration.ts";
import type { Site } from "./site.ts";
import { toMonitoring } from "./to-monitoring.ts";
import { toConflictResolution, toRecv, toReplication, toSend } from "./to-options.ts";
import { toBothPruning, toLocalPruning } from "./to-pruning.ts";
import { toSelection, toSnapshotting } from "./to-snapshotting.ts";
import { toConnect, toServe } from "./to-transport.ts";

/** A job whose shape and grammars are in order; reports what only several keys together can have wrong. */
export function toJob(raw: RawJob, site: Site): Job {
  switch (raw.type) {
    case "snap":
      return {
        type: raw.type,
        name: raw.name,
        ...monitoringOf(raw, site),
        filesystems: toSelection(raw, site),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
        pruning: toLocalPruning(raw.pruning, site.at("pruning"), raw.type),
      };
    case "push":
      return {
        type: raw.type,
        name: raw.name,
        ...monitoringOf(raw, site),
        filesystems: toSelection(raw, site),
        send: toSend(raw.send),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
        ...toActive(raw, site),
      };
    case "pull":
      return {
        type: raw.type,
        name: raw.name,
        ...monitoringOf(raw, site),
        rootFs: raw.root_fs,
        interval: parsePositiveDurationOrManual(raw.interval),
        recv: toRecv(raw.recv, site.at("recv")),
        ...toActive(raw, site),
      };
    case "sink":
      return {
        type: raw.type,
        name: raw.name,
        ...monitoringOf(raw, site),
        serve: toServe(raw.serve, site.at("serve")),
        permissions: raw.permissions,
        ...(raw.max_filesystems === 0 ? {} : { maxFilesystems: raw.max_filesystems }),
        rootFs: raw.root_fs,
        recv: toRecv(raw.recv, site.at("recv")),
        ...(raw.pruning === undefined ? {} : { pruning: toLocalPruning(raw.pruning, site.at("pruning"), raw.type) }),
      };
    case "source":
      return {
        type: raw.type,
        name: raw.name,
        ...monitoringOf(raw, site),
        serve: toServe(raw.serve, site.at("serve")),
        permissions: { ...raw.permissions, receive: false },
        filesystems: toSelection(raw, site),
        send: toSend(raw.send),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
        ...(raw.pruning === undefined ? {} : { pruning: toLocalPruning(raw.pruning, site.at("pruning"), raw.type) }),
      };
    default:
      return unreachable(raw);
  }
}

function monitoringOf(raw: RawJob, site: Site): { readonly monitoring?: Monitoring } {
  return raw.monitoring === undefined ? {} : { monitoring: toMonitoring(raw.monitoring, site.at("monitoring")) };
}

function toActive(raw: RawPushJob | RawPullJob, site: Site) {
  return {
    connect: toConnect(raw.connect, site.at("connect")),
    pruning: toBothPruning(raw.pruning, site.at("pruning")),
    replication: toReplication(raw.replication, site),
    conflictResolution: toConflictResolution(raw.conflict_resolution),
  };
}
