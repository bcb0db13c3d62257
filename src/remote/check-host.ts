/** What `doctor` looks at on this host. */
import { accessSync, constants, mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import type { Config, FilesystemFilter } from "../config/config.ts";
import { listingFor } from "../endpoint/filter-roots.ts";
import { missingPermissions, type Role } from "../zfs/allow.ts";
import { listDatasets } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { type Finding, failure } from "./finding.ts";

export async function checkPrograms(runner: Runner): Promise<Finding> {
  const check = "zfs";
  try {
    const { exitCode, stdout, stderr } = await runner.run(["zfs", "version"]);
    const [program = "", kernel = ""] = stdout.split("\n");
    if (exitCode !== 0) {
      const remedy = "load the kernel module: modprobe zfs";
      return { check, status: "fail", detail: `zfs does not run: ${stderr.trim()}`, remedy };
    }
    const [ours, theirs] = [program.replace(/^zfs-/, ""), kernel.replace(/^zfs-kmod-/, "")];
    if (ours !== theirs) {
      const detail = `programs are ${program}, the kernel has ${kernel}`;
      return { check, status: "warn", detail, remedy: "reboot, or upgrade the older" };
    }
    return { check, status: "ok", detail: `${program}, programs and kernel` };
  } catch (error) {
    return failure(check, "zfs", error);
  }
}

export function checkLockDirectory({ global: { lockDir } }: Config): Finding {
  const check = "locks";
  try {
    mkdirSync(lockDir, { recursive: true, mode: 0o700 });
    accessSync(lockDir, constants.W_OK);
    return { check, status: "ok", detail: `locks in ${lockDir}` };
  } catch (error) {
    const detail = `cannot write to ${lockDir}: ${error instanceof Error ? error.message : String(error)}`;
    return { check, status: "fail", detail, remedy: "set global.lock_dir to a directory of this user's" };
  }
}

export async function* checkFilesystems(filter: FilesystemFilter, role: Role, runner: Runner): AsyncGenerator<Finding> {
  const check = "filter";
  const { filesystems: found, missingRoots } = await listDatasets(runner, listingFor(filter));
  for (const root of missingRoots) {
    const detail = `filesystem ${root} of the filter does not exist`;
    yield { check, status: "warn", detail, remedy: "import its pool, or correct the filter" };
  }
  const matched = [...found.keys()].filter((name) => filter.match(name));
  if (matched.length === 0) {
    const remedy = "try it: zrepl-run test filesystems JOB";
    yield { check, status: "fail", detail: "the filter matches no filesystem", remedy };
    return;
  }
  const number = `${matched.length} filesystem${matched.length === 1 ? "" : "s"}`;
  yield { check, status: "ok", detail: `the filter matches ${number}` };
  for (const name of matched.slice(0, MAX_ALLOW_CHECKS)) {
    const finding = await checkAllowed(name, role, runner);
    if (finding.status !== "ok" || name === matched[0]) yield finding;
  }
}

/** Each costs a process; what is allowed on a filesystem is mostly inherited by those below. */
const MAX_ALLOW_CHECKS = 20;

export async function checkRootFs(root: string, runner: Runner): Promise<Finding> {
  const { filesystems: found } = await listDatasets(runner, { roots: [root], depth: 0 });
  if (found.has(root)) return checkAllowed(root, "receive", runner);
  const remedy = `zfs create -o mountpoint=none ${root}`;
  return { check: "rootFs", status: "fail", detail: `root_fs ${root} does not exist`, remedy };
}

async function checkAllowed(filesystem: string, role: Role, runner: Runner): Promise<Finding> {
  const check = "permissions";
  const { uid, username } = userInfo();
  if (uid === 0) return { check, status: "ok", detail: `root may do everything on ${filesystem}` };
  const { stdout: groups } = await runner.run(["id", "-Gn"]);
  const { exitCode, stdout, stderr } = await runner.run(["zfs", "allow", filesystem]);
  if (exitCode !== 0) return { check, status: "fail", detail: `zfs allow ${filesystem}: ${stderr.trim()}` };
  const missing = missingPermissions(stdout, { user: username, groups: groups.trim().split(" ") }, role);
  if (missing.length === 0)
    return { check, status: "ok", detail: `${username} is allowed what it takes on ${filesystem}` };
  const detail = `${username} is not allowed to ${missing.join(", ")} on ${filesystem}`;
  return {
    check,
    status: "fail",
    detail,
    remedy: `as root: zfs allow -u ${username} ${missing.join(",")} ${filesystem}`,
  };
}

export function checkServing(type: string, { file }: Config): Finding {
  const how =
    type === "stdinserver"
      ? `authorized_keys: command="zrepl-run -c ${file} stdinserver CLIENT",restrict KEY`
      : type === "local"
        ? "a push or pull job of this config"
        : "a socket unit with Accept=yes, see zrepl-run-stdinserver(1)";
  return { check: "serve", status: "ok", detail: `clients come in by ${type}: ${how}` };
}
