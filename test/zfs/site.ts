/** A sender's and a receiver's pool with a config between them, and the built program as a user runs it on them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect } from "vitest";
import type { Event } from "../../src/report/events.ts";
import { type TestPool, trackPools, zfs, zpool } from "./pool.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));

export const PUSH_JOB = "push job";
export const SINK_JOB = "sink job";
export const CLIENT = "client";

type Keys = Readonly<Record<string, unknown>>;

/** What a test changes in the config: keys of the push job and the sink job, and more jobs. */
export interface Changes {
  readonly push?: Keys;
  readonly sink?: Keys;
  readonly jobs?: readonly Keys[];
}

/** How an invocation ended. */
export interface Ended {
  readonly exitCode: number | undefined;
  /** The lines of `--json`. */
  readonly events: readonly Event[];
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Without `--json` there are no events, but stdout for people. */
  readonly json?: boolean;
}

/** An invocation that runs. */
export interface Running {
  readonly pid: number;
  /** Resolves to the first event of that kind, past or future. Rejects when the program ends without one. */
  event<E extends Event["event"]>(kind: E): Promise<Extract<Event, { event: E }>>;
  readonly ended: Promise<Ended & { readonly signal: NodeJS.Signals | null }>;
}

export class Site {
  readonly src: TestPool;
  readonly dst: TestPool;
  /** The sender's filesystems are below it; it is not one of them. */
  readonly srcRoot: string;
  /** Everything on the receiver is below it. */
  readonly dstRoot: string;
  /** The sink's root_fs. */
  readonly rootFs: string;
  /** For files of the test's own. */
  readonly dir: string;
  readonly configFile: string;

  /** `id` keeps tests on the same pools apart. */
  constructor(src: TestPool, dst: TestPool, id: string) {
    this.src = src;
    this.dst = dst;
    this.srcRoot = `${src.name}/${id}`;
    this.dstRoot = `${dst.name}/${id}`;
    this.rootFs = `${this.dstRoot}/sink`;
    this.dir = join(src.dir, `files of ${id}`);
    this.configFile = join(this.dir, "config.yml");
  }

  /** Makes the roots and a config. */
  async create(changes: Changes): Promise<void> {
    mkdirSync(this.dir, { mode: 0o755 });
    await zfs("create", this.srcRoot);
    await zfs("create", "-p", this.rootFs);
    this.configure(changes);
  }

  /** The sender's filesystem. */
  fs(path: string): string {
    return `${this.srcRoot}/${path}`;
  }

  /** The receiver's copy of it. */
  replica(path: string): string {
    return `${this.rootFs}/${CLIENT}/${this.fs(path)}`;
  }

  /** What zrepl-run could have changed. */
  everything(): Promise<string> {
    return everything(this.srcRoot, this.dstRoot);
  }

  /** Process ids of `zfs` programs that work on this test's filesystems. */
  zfsProcesses(): number[] {
    return zfsProcesses(`${this.srcRoot}/`);
  }

  /** Writes the config: a push job of everything below the sender's root, and its sink. */
  configure({ push = {}, sink = {}, jobs = [] }: Changes = {}): void {
    const config = {
      global: { lock_dir: join(this.dir, "locks") },
      jobs: [
        {
          type: "push",
          name: PUSH_JOB,
          connect: { type: "local", listener_name: "here", client_identity: CLIENT },
          filesystems: { [`${this.srcRoot}<`]: true, [this.srcRoot]: false },
          snapshotting: { type: "manual" },
          pruning: { keep_sender: [{ type: "regex", regex: ".*" }], keep_receiver: [{ type: "regex", regex: ".*" }] },
          ...push,
        },
        {
          type: "sink",
          name: SINK_JOB,
          root_fs: this.rootFs,
          serve: { type: "local", listener_name: "here" },
          recv: { placeholder: { encryption: "inherit" } },
          ...sink,
        },
        ...jobs,
      ],
    };
    writeFileSync(this.configFile, JSON.stringify(config, undefined, 2));
  }

  /** Runs the program to its end; a failing one is a result, too. */
  async run(args: readonly string[], { env = {}, uid, json = true }: RunOptions = {}): Promise<Ended> {
    const startMs = performance.now();
    const result = await execa(process.execPath, this.#argv(args, json), {
      env: { LC_ALL: "C", ...env },
      reject: false,
      stdin: "ignore",
      stripFinalNewline: false,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    const { exitCode, stdout, stderr } = result;
    const seconds = (performance.now() - startMs) / 1000;
    return { exitCode, stdout, stderr, seconds, events: json ? parseEvents(stdout) : [] };
  }

  /** Runs the program and fails the test unless it exits 0. */
  async succeed(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const ended = await this.run(args, options);
    expect(ended.exitCode, ended.stderr).toBe(0);
    return ended;
  }

  /** Starts the program in a process group of its own. */
  start(args: readonly string[]): Running {
    const startMs = performance.now();
    const child = spawn(process.execPath, this.#argv(args, true), {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const ended = endOf(child).then(([exitCode, signal]) => {
      const seconds = (performance.now() - startMs) / 1000;
      return { exitCode: exitCode ?? undefined, signal, stdout, stderr, seconds, events: parseEvents(stdout) };
    });
    const event = async <E extends Event["event"]>(kind: E) => {
      for (;;) {
        const found = parseEvents(stdout).find((event) => event.event === kind);
        if (found !== undefined) return found as Extract<Event, { event: E }>;
        const over = await Promise.race([ended, once(child.stdout, "data")]);
        if (!Array.isArray(over) && !stdout.includes(`"${kind}"`)) throw new Error(`no ${kind}: ${stderr}`);
      }
    };
    if (child.pid === undefined) throw new Error("the program did not start");
    return { pid: child.pid, event, ended };
  }

  #argv(args: readonly string[], json: boolean): string[] {
    return [PROGRAM, "--config", this.configFile, ...(json ? ["--json"] : []), ...args];
  }

  /** Writes random bytes into a file of a sender's filesystem. */
  async write(path: string, file: string, kib: number): Promise<void> {
    await writeRandom(join(this.mountpoint(path), file), kib);
  }

  /** Where a sender's filesystem is mounted. */
  mountpoint(path: string): string {
    return join(this.src.mountpoint ?? "", this.fs(path).slice(this.src.name.length + 1));
  }
}

/**
 * Returns a function that makes a new site on the same two pools each time (making a pool takes long), the sender's
 * mounted in its own folder. The pools go after all tests of the file.
 */
export function trackSites(sizeMiB = 512): (changes?: Changes) => Promise<Site> {
  const newPool = trackPools("all");
  let pools: Promise<[TestPool, TestPool]> | undefined;
  let sites = 0;
  const createPools = async (): Promise<[TestPool, TestPool]> => {
    const args = ["-O", "compression=off", "-O", "atime=off"];
    return [await newPool({ sizeMiB, mountpoint: true, args }), await newPool({ sizeMiB })];
  };
  return async (changes = {}) => {
    pools ??= createPools();
    const [src, dst] = await pools;
    const site = new Site(src, dst, `t${++sites}`);
    await site.create(changes);
    return site;
  };
}

export async function writeRandom(path: string, kib: number): Promise<void> {
  await execa("dd", ["if=/dev/urandom", `of=${path}`, "bs=1024", `count=${kib}`, "conv=notrunc", "status=none"]);
}

function parseEvents(stdout: string): Event[] {
  const lines = stdout.split("\n");
  lines.pop(); // the rest of a line, or nothing
  return lines.map((line) => JSON.parse(line) as Event);
}

/** Those events of one kind. */
export function eventsOf<E extends Event["event"]>(ended: Ended, kind: E): Extract<Event, { event: E }>[] {
  return ended.events.filter((event): event is Extract<Event, { event: E }> => event.event === kind);
}

/** The block devices of volumes, or of their snapshots (needs snapdev=visible). Without udev they are only /dev/zdN. */
export async function devicesOf(volumes: readonly string[]): Promise<string[]> {
  const list = `for d in /dev/zd*; do case $d in *p[0-9]*) ;; *) echo "$d $(/lib/udev/zvol_id "$d")" ;; esac; done`;
  const find = async () => {
    const { stdout } = await execa("bash", ["-c", list]);
    // zvol_id writes a blank as +
    const byVolume = new Map(lines(stdout).map((line) => [line.replace(/^\S+ /, ""), line.split(" ", 1)[0] ?? ""]));
    return volumes.flatMap((volume) => byVolume.get(volume) ?? byVolume.get(volume.replaceAll(" ", "+")) ?? []);
  };
  await expect.poll(find, { timeout: 20_000, message: `devices of ${volumes}` }).toHaveLength(volumes.length);
  return find();
}

async function endOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  const [exitCode, signal] = await once(child, "close");
  return [exitCode, signal];
}

/** Full names of the snapshots of a filesystem, the oldest first, without the filesystem's name. */
export async function snapshotsOf(filesystem: string): Promise<string[]> {
  return names(await zfs("list", "-Hp", "-d", "1", "-t", "snapshot", "-s", "createtxg", "-o", "name", filesystem), "@");
}

/** Names of the bookmarks of a filesystem. */
export async function bookmarksOf(filesystem: string): Promise<string[]> {
  return names(await zfs("list", "-Hp", "-d", "1", "-t", "bookmark", "-o", "name", filesystem), "#");
}

function names(stdout: string, delimiter: string): string[] {
  return lines(stdout).map((line) => line.slice(line.indexOf(delimiter) + 1));
}

export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** `snapshot name: tag` of every hold at and below a dataset, names relative to it, sorted. */
export async function holdsBelow(root: string): Promise<string[]> {
  const held = lines(await zfs("list", "-Hp", "-r", "-t", "snapshot", "-o", "name,userrefs", root)).flatMap((line) => {
    const [name = "", userrefs] = line.split("\t");
    return userrefs === "0" ? [] : [name];
  });
  if (held.length === 0) return [];
  const rows = lines(await zfs("holds", "-H", ...held)).map((line) => {
    const [name = "", tag = ""] = line.split("\t");
    return `${name.slice(root.length).replace(/^\//, "")}: ${tag}`;
  });
  return rows.sort();
}

export async function property(dataset: string, name: string): Promise<string> {
  return zfs("get", "-Hpo", "value", name, dataset);
}

/** Everything at and below some roots that zrepl-run could change: datasets, versions, tokens, holds, properties that were set. */
export async function everything(...roots: readonly string[]): Promise<string> {
  const columns = "name,type,guid,createtxg,creation,userrefs,receive_resume_token,encryption,used,written";
  await zpool("sync", ...new Set(roots.map((root) => root.split("/", 1)[0] ?? ""))); // else `used` may follow later
  const listing = await zfs("list", "-Hp", "-r", "-t", "all", "-o", columns, ...roots);
  const get = ["get", "-Hp", "-r", "-s", "local,received", "-o", "name,property,value,source", "all"];
  const set = await zfs(...get, ...roots);
  const holds = await Promise.all(roots.map((root) => holdsBelow(root)));
  return [listing, set, ...holds.flat()].join("\n");
}

/** Process ids of the running `zfs` programs with a text among their arguments. */
function zfsProcesses(text: string): number[] {
  return processes().flatMap(({ pid, argv }) => {
    const program = argv.findIndex((word) => word === "zfs" || word.endsWith("/zfs"));
    return program !== -1 && argv.some((word) => word.includes(text)) ? [pid] : [];
  });
}

/** A process and all its descendants, whatever group or session they are in. */
export function processTree(root: number): number[] {
  const all = processes();
  const tree = [root];
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid));
  return tree;
}

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly argv: readonly string[];
}

/** All that run, zombies left out. */
export function processes(): Process[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const argv = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      return state === "Z" ? [] : [{ pid: Number(entry), parent: Number(parent), argv }];
    } catch {
      return []; // it has just ended
    }
  });
}
