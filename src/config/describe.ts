import { unreachable } from "../unreachable.ts";
import type { Connect, FilesystemFilter, Job, PushJob, Serve, Snapshotting } from "./config.ts";
import type { LogOutlet } from "./global-config.ts";
import type { KeepRule, LocalPruning } from "./pruning-config.ts";

/** What a job does, in one line without its name and type. */
export function describeJob(job: Job): string {
  switch (job.type) {
    case "snap":
      return `${describeSnapshotting(job.snapshotting)} of ${describeFilter(job.filesystems)}; keeps ${describeRules(job.pruning.keep)}`;
    case "push":
      return `${describeSnapshotting(job.snapshotting)} of ${describeFilter(job.filesystems)}; sends to ${describeConnect(job.connect)}; ${describeBothRules(job.pruning)}`;
    case "pull":
      return `receives into ${job.rootFs} from ${describeConnect(job.connect)}, ${describeInterval(job.interval)}; ${describeBothRules(job.pruning)}`;
    case "sink":
      return `receives into ${job.rootFs}/CLIENT from ${describeServe(job.serve)}${describeOwnRules(job.pruning)}`;
    case "source":
      return `${describeSnapshotting(job.snapshotting)} of ${describeFilter(job.filesystems)}; offers them to ${describeServe(job.serve)}${describeOwnRules(job.pruning)}`;
    default:
      return unreachable(job);
  }
}

/** A log outlet in one line. */
export function describeOutlet(outlet: LogOutlet): string {
  return `${outletName(outlet)}: ${outlet.level} and above, ${outlet.format}`;
}

function outletName(outlet: LogOutlet): string {
  if (outlet.type === "stdout") return "stderr";
  return outlet.type === "syslog"
    ? `syslog ${outlet.facility}`
    : `${outlet.tls === undefined ? "tcp" : "tls"} ${outlet.address}`;
}

function describeSnapshotting(snapshotting: Snapshotting): string {
  switch (snapshotting.type) {
    case "periodic":
      return `snapshots ${snapshotting.prefix}* every ${describeDuration(snapshotting.intervalSec)}`;
    case "cron":
      return `snapshots ${snapshotting.prefix}* at ${JSON.stringify(snapshotting.cron)}`;
    case "manual":
      return "snapshots taken elsewhere";
    default:
      return unreachable(snapshotting);
  }
}

function describeFilter({ rules, excludes = [], byProperty }: FilesystemFilter): string {
  const patterns = (included: boolean) =>
    [...rules].filter(([, value]) => value === included).map(([pattern]) => pattern);
  const [included, excluded] = [patterns(true), patterns(false)];
  const without = excluded.length === 0 ? "" : ` without ${excluded.join(", ")}`;
  const notMatching = excludes.map(({ source }) => ` not /${source}/`).join(",");
  const having = byProperty === undefined ? "" : ` with ${byProperty.property}=${byProperty.values.join(" or ")}`;
  return (included.join(", ") || "nothing") + without + notMatching + having;
}

function describeConnect(connect: Connect): string {
  switch (connect.type) {
    case "tcp":
      return `${connect.address} over tcp`;
    case "tls":
      return `${connect.address} over tls`;
    case "ssh+stdinserver":
      return `${connect.user}@${connect.host} over ssh`;
    case "local":
      return `${connect.listenerName} on this host`;
    default:
      return unreachable(connect);
  }
}

function describeServe(serve: Serve): string {
  switch (serve.type) {
    case "tcp":
      return `${[...serve.clients.values()].join(", ")} over tcp`;
    case "tls":
      return `${serve.clientCns.join(", ")} over tls`;
    case "stdinserver":
      return `${serve.clientIdentities.join(", ")} over ssh`;
    case "local":
      return `jobs of this host that connect to ${serve.listenerName}`;
    default:
      return unreachable(serve);
  }
}

function describeInterval(interval: "manual" | number): string {
  return interval === "manual" ? "when told to" : `every ${describeDuration(interval)}`;
}

function describeRules(rules: readonly KeepRule[]): string {
  return rules.map(({ text }) => text).join(", ");
}

/** Of a job that may leave pruning to the other side. */
function describeOwnRules(pruning: LocalPruning | undefined): string {
  return pruning === undefined ? "" : `; keeps ${describeRules(pruning.keep)}`;
}

function describeBothRules({ keepSender, keepReceiver }: PushJob["pruning"]): string {
  return `keeps ${describeRules(keepSender)} on the sender and ${describeRules(keepReceiver)} on the receiver`;
}

const UNITS_SEC = [
  ["w", 604_800],
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
] as const;

/** Seconds as a zrepl duration in the largest unit that fits: 5400 → `90m`. */
export function describeDuration(seconds: number): string {
  const [unit, unitSec] = UNITS_SEC.find(([, size]) => seconds > 0 && seconds % size === 0) ?? ["s", 1];
  return `${seconds / unitSec}${unit}`;
}
