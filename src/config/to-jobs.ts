import type { RawJob, RawPullJob, RawPushJob } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import type { Job } from "./config.ts";
import { parsePositiveDurationOrManual } from "./grammar/duration.ts";
import type { Site } from "./site.ts";
import { toConflictResolution, toRecv, toReplication, toSend } from "./to-options.ts";
import { toKeepRules, toLocalKeepRules } from "./to-pruning.ts";
import { toFilter, toSnapshotting } from "./to-snapshotting.ts";
import { toConnect, toServe } from "./to-transport.ts";

/** A job whose shape and grammars are in order; reports what only several keys together can have wrong. */
export function toJob(raw: RawJob, site: Site): Job {
  switch (raw.type) {
    case "snap":
      return {
        type: raw.type,
        name: raw.name,
        filesystems: toFilter(raw.filesystems, site.at("filesystems")),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
        pruning: { keep: toLocalKeepRules(raw.pruning.keep, site.at("pruning", "keep")) },
      };
    case "push":
      return {
        type: raw.type,
        name: raw.name,
        filesystems: toFilter(raw.filesystems, site.at("filesystems")),
        send: toSend(raw.send),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
        ...toActive(raw, site),
      };
    case "pull":
      return {
        type: raw.type,
        name: raw.name,
        rootFs: raw.root_fs,
        interval: toInterval(raw.interval, site.at("interval")),
        recv: toRecv(raw.recv, site.at("recv")),
        ...toActive(raw, site),
      };
    case "sink":
      return {
        type: raw.type,
        name: raw.name,
        serve: toServe(raw.serve, site.at("serve")),
        rootFs: raw.root_fs,
        recv: toRecv(raw.recv, site.at("recv")),
      };
    case "source":
      return {
        type: raw.type,
        name: raw.name,
        serve: toServe(raw.serve, site.at("serve")),
        filesystems: toFilter(raw.filesystems, site.at("filesystems")),
        send: toSend(raw.send),
        snapshotting: toSnapshotting(raw.snapshotting, site.at("snapshotting")),
      };
    default:
      return unreachable(raw);
  }
}

function toActive(raw: RawPushJob | RawPullJob, site: Site) {
  const pruning = site.at("pruning");
  return {
    connect: toConnect(raw.connect, site.at("connect")),
    pruning: {
      keepSender: toKeepRules(raw.pruning.keep_sender, pruning.at("keep_sender")),
      keepReceiver: toKeepRules(raw.pruning.keep_receiver, pruning.at("keep_receiver")),
    },
    replication: toReplication(raw.replication, site),
    conflictResolution: toConflictResolution(raw.conflict_resolution),
  };
}

function toInterval(text: string, site: Site): "manual" | number {
  const interval = parsePositiveDurationOrManual(text);
  if (interval !== "manual")
    site.warn("nothing pulls by itself; a cron line or a timer of `zrepl-run systemd` does it");
  return interval;
}
