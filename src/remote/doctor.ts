/** The story of `doctor`: what can be known of a job before it runs, one finding a line, each with its remedy. */
import { accessSync, constants, mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import type { Config, Connect, FilesystemFilter, Job } from "../config/config.ts";
import { listingFor } from "../endpoint/filter-roots.ts";
import { FailedError, ZreplRunError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { missingPermissions, type Role } from "../zfs/allow.ts";
import { listDatasets } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { connectReceiver, connectSender } from "./connect.ts";
import type { Welcome } from "./handshake.ts";

export interface Finding {
  readonly level: "ok" | "warn" | "FAIL";
  readonly what: string;
  readonly remedy?: string | undefined;
}

/** More than this and snapshots' ages differ visibly between the sides. */
const MAX_SKEW_SEC = 60;

/** @throws {FailedError} when something will not work */
export async function examine(jobs: readonly Job[], invocation: Invocation): Promise<void> {
  let failed = 0;
  for (const job of jobs)
    for await (const { level, what, remedy } of findings(job, invocation)) {
      if (level === "FAIL") failed++;
      const text = `${level.padEnd(4)} ${what}${remedy === undefined ? "" : `; ${remedy}`}`;
      invocation.reporter.emit({ event: "planText", job: job.name, text });
    }
  if (failed > 0) throw new FailedError(`${failed} ${failed === 1 ? "check" : "checks"} failed`);
}

async function* findings(job: Job, invocation: Invocation): AsyncGenerator<Finding> {
  const { runner, config } = invocation;
  const programs = await zfsPrograms(runner);
  yield programs;
  if (programs.level === "FAIL") return;
  yield lockDirectory(config);
  if ("filesystems" in job) yield* filesystems(job.filesystems, job.type === "snap" ? "snap" : "send", runner);
  if ("rootFs" in job) yield await rootFs(job.rootFs, runner);
  if ("connect" in job && job.connect.type !== "local") yield* connection(job, job.connect, invocation);
  if ("serve" in job) yield serving(job.serve.type, config);
}

async function zfsPrograms(runner: Runner): Promise<Finding> {
  try {
    const { exitCode, stdout, stderr } = await runner.run(["zfs", "version"]);
    const [program = "", kernel = ""] = stdout.split("\n");
    if (exitCode !== 0)
      return {
        level: "FAIL",
        what: `zfs does not run: ${stderr.trim()}`,
        remedy: "load the kernel module: modprobe zfs",
      };
    const [ours, theirs] = [program.replace(/^zfs-/, ""), kernel.replace(/^zfs-kmod-/, "")];
    if (ours !== theirs)
      return {
        level: "warn",
        what: `programs are ${program}, the kernel has ${kernel}`,
        remedy: "reboot, or upgrade the older",
      };
    return { level: "ok", what: `${program}, programs and kernel` };
  } catch (error) {
    return failure("zfs", error);
  }
}

function lockDirectory({ global: { lockDir } }: Config): Finding {
  try {
    mkdirSync(lockDir, { recursive: true, mode: 0o700 });
    accessSync(lockDir, constants.W_OK);
    return { level: "ok", what: `locks in ${lockDir}` };
  } catch (error) {
    const remedy = "set global.lock_dir to a directory of this user's";
    return { level: "FAIL", what: `cannot write to ${lockDir}: ${messageOf(error)}`, remedy };
  }
}

async function* filesystems(filter: FilesystemFilter, role: Role, runner: Runner): AsyncGenerator<Finding> {
  const { filesystems: found, missingRoots } = await listDatasets(runner, listingFor(filter));
  for (const root of missingRoots)
    yield {
      level: "warn",
      what: `filesystem ${root} of the filter does not exist`,
      remedy: "import its pool, or correct the filter",
    };
  const matched = [...found.keys()].filter((name) => filter.match(name));
  if (matched.length === 0) {
    yield { level: "FAIL", what: "the filter matches no filesystem", remedy: "try it: zrepl-run test filesystems JOB" };
    return;
  }
  yield { level: "ok", what: `the filter matches ${matched.length} filesystem${matched.length === 1 ? "" : "s"}` };
  for (const name of matched.slice(0, MAX_ALLOW_CHECKS)) {
    const finding = await allowed(name, role, runner);
    if (finding.level !== "ok" || name === matched[0]) yield finding;
  }
}

/** Each costs a process; what is allowed on a filesystem is mostly inherited by those below. */
const MAX_ALLOW_CHECKS = 20;

async function rootFs(root: string, runner: Runner): Promise<Finding> {
  const { filesystems: found } = await listDatasets(runner, { roots: [root], depth: 0 });
  if (!found.has(root))
    return { level: "FAIL", what: `root_fs ${root} does not exist`, remedy: `zfs create -o mountpoint=none ${root}` };
  return allowed(root, "receive", runner);
}

async function allowed(filesystem: string, role: Role, runner: Runner): Promise<Finding> {
  const { uid, username } = userInfo();
  if (uid === 0) return { level: "ok", what: `root may do everything on ${filesystem}` };
  const { stdout: groups } = await runner.run(["id", "-Gn"]);
  const { exitCode, stdout, stderr } = await runner.run(["zfs", "allow", filesystem]);
  if (exitCode !== 0) return { level: "FAIL", what: `zfs allow ${filesystem}: ${stderr.trim()}` };
  const missing = missingPermissions(stdout, { user: username, groups: groups.trim().split(" ") }, role);
  if (missing.length === 0) return { level: "ok", what: `${username} is allowed what it takes on ${filesystem}` };
  const remedy = `as root: zfs allow -u ${username} ${missing.join(",")} ${filesystem}`;
  return { level: "FAIL", what: `${username} is not allowed to ${missing.join(", ")} on ${filesystem}`, remedy };
}

async function* connection(job: Job, connect: Connect, invocation: Invocation): AsyncGenerator<Finding> {
  const { config, env = {}, interrupted: signal, nowMs } = invocation;
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const options = { job: job.name, runDir: config.global.lockDir, env, signal, lockWaitSec: 0, warn };
  const startMs = performance.now();
  try {
    const open = job.type === "pull" ? connectSender : connectReceiver;
    const { endpoint, welcome, peer, close } = await open(connect, options);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    try {
      yield {
        level: "ok",
        what: `${peer} answers after ${seconds} s: zrepl-run ${welcome.version}, job ${welcome.job}`,
      };
      yield* judged(welcome, nowMs(), peer);
      const listing = await endpoint.list();
      yield { level: "ok", what: `${peer} shows ${listing.filesystems.length} filesystems` };
      for (const problem of listing.problems) yield { level: "warn", what: problem };
    } finally {
      await close();
    }
  } catch (error) {
    yield failure("the other side", error);
  }
  for (const what of warnings) yield { level: "warn", what };
}

function* judged({ clockSec, permissions }: Welcome, nowMs: number, peer: string): Generator<Finding> {
  const skewSec = Math.round(clockSec - nowMs / 1000);
  if (Math.abs(skewSec) > MAX_SKEW_SEC)
    yield {
      level: "warn",
      what: `the clock of ${peer} is ${Math.abs(skewSec)} s ${skewSec > 0 ? "ahead" : "behind"}`,
      remedy: "let both follow the same time (ntp)",
    };
  else yield { level: "ok", what: `clocks agree within ${Math.abs(skewSec)} s` };
  if (!permissions.prune)
    yield {
      level: "warn",
      what: `${peer} does not let this job prune there`,
      remedy: "prune there by a job of that side, or set permissions.prune",
    };
}

function serving(type: string, { file }: Config): Finding {
  const how =
    type === "stdinserver"
      ? `authorized_keys: command="zrepl-run -c ${file} stdinserver CLIENT",restrict KEY`
      : type === "local"
        ? "a push or pull job of this config"
        : "a socket unit with Accept=yes, see zrepl-run-stdinserver(1)";
  return { level: "ok", what: `clients come in by ${type}: ${how}` };
}

function failure(what: string, error: unknown): Finding {
  if (!(error instanceof ZreplRunError)) throw error;
  return { level: "FAIL", what: `${what}: ${error.message}`, remedy: error.hint };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
