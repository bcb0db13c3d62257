import type { RawGlobal, RawLogOutlet, RawNotification } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import type { GlobalConfig, LogOutlet, Notification } from "./global-config.ts";
import { parsePositiveGoDuration } from "./grammar/duration.ts";
import type { Site } from "./site.ts";

/** Where the process runs, as far as defaults depend on it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Numeric user id; 0 is root. */
  readonly uid: number;
}

/** `global:` of the main file. */
export function toGlobal(raw: RawGlobal, site: Site, surroundings: Surroundings): GlobalConfig {
  checkLogging(raw, site.at("logging"));
  warnOfDaemonKeys(raw, site);
  return {
    lockDir: raw.lock_dir || defaultLockDir(surroundings),
    controlSocket: raw.control.sockpath,
    logging: raw.logging.map(toLogOutlet),
    ...(raw.metrics === undefined ? {} : { metrics: { textfileDir: raw.metrics.textfile_dir } }),
    notify: raw.notify.map(toNotification),
  };
}

function toLogOutlet(raw: RawLogOutlet): LogOutlet {
  const { level, format } = raw;
  switch (raw.type) {
    case "stdout":
      return { type: raw.type, level, format, time: raw.time, color: raw.color };
    case "syslog":
      return {
        ...{ type: raw.type, level, format, facility: raw.facility },
        retrySec: parsePositiveGoDuration(raw.retry_interval),
      };
    case "tcp": {
      const { type, address, net, tls } = raw;
      const retrySec = parsePositiveGoDuration(raw.retry_interval);
      return { type, level, format, address, net, retrySec, ...(tls === undefined ? {} : { tls }) };
    }
    default:
      return unreachable(raw);
  }
}

function toNotification(raw: RawNotification): Notification {
  const { jobs, commands } = raw;
  const common = { jobs, commands, timeoutSec: parsePositiveGoDuration(raw.timeout) };
  switch (raw.type) {
    case "command":
      return { type: raw.type, command: raw.command, when: raw.when, ...common };
    case "http": {
      const { type, timeout: _timeout, ...urls } = raw;
      return { type, ...urls, ...common };
    }
    case "healthchecks":
      return { type: "http", ...healthchecksUrls(raw.url), ...common };
    default:
      return unreachable(raw);
  }
}

function healthchecksUrls(url: string) {
  const below = (segment: string) => {
    const child = new URL(url);
    child.pathname = `${child.pathname.replace(/\/$/, "")}/${segment}`;
    return child.href;
  };
  return { start: below("start"), success: url, failure: below("fail") };
}

/** /run/zrepl-run for root, else a directory that only the user can write to. */
export function defaultLockDir({ env, uid }: Surroundings): string {
  if (uid === 0) return "/run/zrepl-run";
  const runtime = env["XDG_RUNTIME_DIR"];
  return runtime ? `${runtime}/zrepl-run` : `${env["HOME"] ?? ""}/.cache/zrepl-run`;
}

function checkLogging(raw: RawGlobal, site: Site): void {
  for (const type of ["stdout", "syslog"] as const) {
    const second = raw.logging.findIndex(
      (outlet, i) => outlet.type === type && raw.logging.findIndex((o) => o.type === type) < i,
    );
    if (second >= 0) site.at(second).problem(`a second ${type} outlet; at most one is allowed`);
  }
}

function warnOfDaemonKeys(raw: RawGlobal, site: Site): void {
  raw.monitoring.forEach((_, i) => {
    site
      .at("monitoring", i)
      .warn("no process stays to be scraped; global.metrics.textfile_dir gives the metrics to node_exporter");
  });
  if (site.at("control").isGiven())
    site
      .at("control")
      .warn("there is no daemon to control; only looked at to warn of a zrepl daemon with the same jobs");
  if (site.at("serve").isGiven()) site.at("serve").warn("`zrepl-run stdinserver` needs no sockets");
}
