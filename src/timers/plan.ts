import type { Config, Job, Serve } from "../config/config.ts";
import { describeDuration } from "../config/describe.ts";
import { cronCalendars, intervalCalendar } from "./calendar.ts";
import { hardening, quote, unprivileged } from "./hardening.ts";

/** Where the units will run. */
export interface UnitSite {
  /** Absolute path of the program, or of the runtime and the program. */
  readonly program: readonly string[];
  /** What goes before the command, e.g. `-c FILE`. */
  readonly options: readonly string[];
  /** For a user's manager instead of the system's. */
  readonly user: boolean;
  /** Instead of what follows from the config. */
  readonly onCalendar?: string | undefined;
  readonly jitterSec?: number | undefined;
  readonly global: Config["global"];
}

export interface UnitFile {
  readonly name: string;
  readonly text: string;
}

/** The units of one job. */
export interface JobUnits {
  readonly files: readonly UnitFile[];
  /** Units to enable and start. */
  readonly enable: readonly string[];
  /** Why there is less than one might expect, one line each. */
  readonly notes: readonly string[];
}

/** The first words of each file, by which an installed unit is known to be ours. */
export const UNIT_HEAD = "# Written by zrepl-run systemd";

/** The units that a job needs: a timer and its service for what it does by itself, a socket for those who ask it. */
export function planUnits(job: Job, site: UnitSite): JobUnits {
  const parts = [timedUnits(job, site), ...("serve" in job ? [socketUnits(job.name, job.serve, site)] : [])];
  return {
    files: parts.flatMap(({ files }) => files),
    enable: parts.flatMap(({ enable }) => enable),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

const NO_UNITS: JobUnits = { files: [], enable: [], notes: [] };

function timedUnits(job: Job, site: UnitSite): JobUnits {
  const verb = job.type === "sink" ? "prune" : "run";
  if (job.type === "sink" && job.pruning === undefined) return NO_UNITS;
  if (job.type === "source" && job.snapshotting.type === "manual" && job.pruning === undefined) return NO_UNITS;
  const unit = `zrepl-run-${escapeUnitName(job.name)}`;
  const service = { name: `${unit}.service`, text: serviceText(job, verb, site) };
  const schedule = scheduleOf(job, site);
  if (schedule === undefined) {
    const notes = [`nothing in the config says when it runs (manual): no timer; --on-calendar makes one`];
    return { files: [service], enable: [], notes };
  }
  const timer = timerText(`job ${job.name}, ${schedule.words}`, schedule.lines);
  return { files: [service, { name: `${unit}.timer`, text: timer }], enable: [`${unit}.timer`], notes: [] };
}

interface Schedule {
  readonly words: string;
  readonly lines: readonly string[];
}

/** Undefined if neither the config nor the command line says when. */
function scheduleOf(job: Job, site: UnitSite): Schedule | undefined {
  if (site.onCalendar !== undefined)
    return { words: site.onCalendar, lines: calendarLines([site.onCalendar], site.jitterSec ?? 0) };
  if (job.type === "sink") return { words: "daily", lines: calendarLines(["*-*-* 00:00:00"], site.jitterSec ?? 300) };
  if (job.type === "pull") return job.interval === "manual" ? undefined : everySchedule(job.interval, site.jitterSec);
  const { snapshotting } = job;
  switch (snapshotting.type) {
    case "periodic":
      return everySchedule(snapshotting.intervalSec, site.jitterSec);
    case "cron":
      return {
        words: `at ${snapshotting.cron}`,
        // who gives a time means that time
        lines: calendarLines(cronCalendars(snapshotting.cron), site.jitterSec ?? 0),
      };
    case "manual":
      return undefined;
  }
}

function everySchedule(intervalSec: number, jitterSec = Math.min(300, Math.floor(intervalSec / 10))): Schedule {
  const words = `every ${describeDuration(intervalSec)}`;
  const calendar = intervalCalendar(intervalSec);
  if (calendar !== undefined) return { words, lines: calendarLines([calendar], jitterSec) };
  return { words, lines: ["OnBootSec=1min", `OnUnitActiveSec=${intervalSec}s`, "AccuracySec=1s"] };
}

function calendarLines(calendars: readonly string[], jitterSec: number): string[] {
  return [
    ...calendars.map((calendar) => `OnCalendar=${calendar}`),
    // two runs that are less than the interval apart: the second one finds nothing due
    "AccuracySec=1s",
    ...(jitterSec > 0
      ? [
          "# the same delay each time, another one on each host: not all at once, and still an interval apart",
          `RandomizedDelaySec=${jitterSec}s`,
          "FixedRandomDelay=yes",
        ]
      : []),
    "# missed while the host was off: at once",
    "Persistent=yes",
  ];
}

function serviceText(job: Job, verb: string, site: UnitSite): string {
  const command = [...site.program, ...site.options, verb, job.name].map(quote).join(" ");
  const remote = "connect" in job && job.connect.type !== "local";
  return serviceUnit(`job ${job.name} (${job.type})`, command, remote, confinementOf(job, site));
}

/** A service that does a command and ends; both texts may have specifiers such as %i. */
export function serviceUnit(what: string, command: string, remote: boolean, confinement: readonly string[]): string {
  return unitFile({
    Unit: [
      `Description=zrepl-run: ${what}`,
      "Documentation=man:zrepl-run(1)",
      `After=zfs.target${remote ? " network-online.target" : ""}`,
      ...(remote ? ["Wants=network-online.target"] : []),
    ],
    Service: [
      "Type=oneshot",
      `ExecStart=${command}`,
      "# 75: another invocation has the job's lock, the next one comes; 143: it was stopped, and the next one resumes",
      "SuccessExitStatus=75 143",
      "# it ends its children itself and waits for them",
      "KillMode=mixed",
      "TimeoutStopSec=60",
      ...RUNTIME_DIRECTORY,
      ...confinement,
    ],
  });
}

/** A timer for the service of the same name. */
export function timerText(what: string, lines: readonly string[]): string {
  return unitFile({
    Unit: [`Description=zrepl-run: ${what}`, "Documentation=man:zrepl-run(1)"],
    Timer: lines,
    Install: ["WantedBy=timers.target"],
  });
}

/** Lines of a timer that fires each ten minutes. */
export const EVERY_TEN_MINUTES: readonly string[] = everySchedule(600).lines;

const RUNTIME_DIRECTORY = [
  "# the locks, shared with all other invocations: it outlives this one",
  "RuntimeDirectory=zrepl-run",
  "RuntimeDirectoryMode=0700",
  "RuntimeDirectoryPreserve=yes",
];

function confinementOf(job: Job, site: UnitSite): string[] {
  if (site.user) return unprivileged();
  const hooks = [
    ...("snapshotting" in job && job.snapshotting.type !== "manual" ? job.snapshotting.hooks : []),
    ...("replication" in job ? (job.replication.hooks ?? []) : []),
  ];
  if (hooks.length > 0) return ["# not confined: who knows what the hooks of this job need"];
  const tellsPrograms = site.global.notify?.some(({ type, jobs }) => type === "command" && concerns(jobs, job.name));
  if (tellsPrograms) return ["# not confined: who knows what the programs of global.notify need"];
  return hardening({ writable: writablePaths(site.global) });
}

/** Whether a list of jobs, of which none means all, has a job. */
function concerns(jobs: readonly string[], job: string): boolean {
  return jobs.length === 0 || jobs.includes(job);
}

function writablePaths({ lockDir, metrics }: Config["global"]): string[] {
  return [...(lockDir === "/run/zrepl-run" ? [] : [lockDir]), ...(metrics === undefined ? [] : [metrics.textfileDir])];
}

function socketUnits(job: string, serve: Serve, site: UnitSite): JobUnits {
  if (serve.type === "stdinserver") return { ...NO_UNITS, notes: ["sshd starts it: its clients need no unit"] };
  if (serve.type === "local") return { ...NO_UNITS, notes: ["jobs of this host use it: its clients need no unit"] };
  const unit = `zrepl-run-serve-${escapeUnitName(job)}`;
  const command = [...site.program, ...site.options, "stdinserver", "--socket", job].map(quote).join(" ");
  const socket = unitFile({
    Unit: [`Description=zrepl-run: clients of job ${job} over ${serve.type}`, "Documentation=man:zrepl-run(1)"],
    Socket: [
      `ListenStream=${listenStream(serve.listen)}`,
      ...(serve.listenFreebind ? ["FreeBind=yes"] : []),
      "Accept=yes",
      "MaxConnections=64",
      "KeepAlive=yes",
    ],
    Install: ["WantedBy=sockets.target"],
  });
  const service = unitFile({
    Unit: [
      `Description=zrepl-run: a client of job ${job}`,
      "Documentation=man:zrepl-run(1)",
      "After=zfs.target",
      "CollectMode=inactive-or-failed",
    ],
    Service: [
      `ExecStart=${command}`,
      "StandardInput=socket",
      "StandardOutput=socket",
      "StandardError=journal",
      "KillMode=mixed",
      "TimeoutStopSec=30",
      ...RUNTIME_DIRECTORY,
      ...(site.user ? unprivileged() : hardening({ writable: writablePaths(site.global) })),
    ],
  });
  const files = [
    { name: `${unit}.socket`, text: socket },
    { name: `${unit}@.service`, text: service },
  ];
  return { files, enable: [`${unit}.socket`], notes: [] };
}

/** What `:8888` means to zrepl, systemd writes `8888`. */
function listenStream(listen: string): string {
  return listen.startsWith(":") ? listen.slice(1) : listen;
}

function unitFile(sections: Readonly<Record<string, readonly string[]>>): string {
  const parts = Object.entries(sections).map(([title, lines]) => `[${title}]\n${lines.join("\n")}\n`);
  return `${UNIT_HEAD}; changes belong into a drop-in: systemctl edit UNIT\n${parts.join("\n")}`;
}

/** A job's name as a part of a unit's name, which has no blanks; as systemd-escape does it. */
export function escapeUnitName(job: string): string {
  return job.replaceAll(" ", "\\x20");
}
