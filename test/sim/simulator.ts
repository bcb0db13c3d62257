import { readFileSync } from "node:fs";
import { cmdAllow, cmdUnallow } from "./cmd-allow.ts";
import { cmdBookmark } from "./cmd-bookmark.ts";
import { cmdClone, cmdPromote } from "./cmd-clone.ts";
import { cmdCreate } from "./cmd-create.ts";
import { cmdDestroy } from "./cmd-destroy.ts";
import { cmdGet } from "./cmd-get.ts";
import { cmdHold, cmdHolds, cmdRelease } from "./cmd-hold.ts";
import { cmdList } from "./cmd-list.ts";
import { cmdLoadKey, cmdMount, cmdUnloadKey, cmdUnmount } from "./cmd-mount.ts";
import { cmdProgram, type ProgramRegistry } from "./cmd-program.ts";
import { parseReceive } from "./cmd-recv.ts";
import { cmdRename } from "./cmd-rename.ts";
import { cmdRollback } from "./cmd-rollback.ts";
import { cmdSend } from "./cmd-send.ts";
import { cmdInherit, cmdSet } from "./cmd-set.ts";
import { cmdSnapshot } from "./cmd-snapshot.ts";
import { addPool, cmdZpool } from "./cmd-zpool.ts";
import { removeBlock, writeBlock } from "./content.ts";
import { dumpWorld } from "./dump.ts";
import { EXIT_SIGKILL, EXIT_SIGPIPE } from "./exit-codes.ts";
import { findDataset, findSnapshot, poolFor } from "./lookup.ts";
import { STANDARD_PROGRAMS } from "./programs.ts";
import { cmdReceive, RunningReceive } from "./receive.ts";
import { CommandFailure, type Result } from "./result.ts";
import { type SendStream, streamBytes } from "./stream.ts";
import { commandOverview } from "./usage.ts";
import { type Content, cloneWorld, createWorld, type Dataset, type World } from "./world.ts";

type Command = (world: World, args: readonly string[]) => Result;

const COMMANDS: Readonly<Record<string, Command>> = {
  list: cmdList,
  get: cmdGet,
  create: cmdCreate,
  destroy: cmdDestroy,
  snapshot: cmdSnapshot,
  snap: cmdSnapshot,
  bookmark: cmdBookmark,
  hold: cmdHold,
  release: cmdRelease,
  holds: cmdHolds,
  rename: cmdRename,
  rollback: cmdRollback,
  clone: cmdClone,
  promote: cmdPromote,
  set: cmdSet,
  inherit: cmdInherit,
  mount: cmdMount,
  unmount: cmdUnmount,
  umount: cmdUnmount,
  "load-key": cmdLoadKey,
  "unload-key": cmdUnloadKey,
  allow: cmdAllow,
  unallow: cmdUnallow,
};

/** Ways to disturb a transfer. */
export interface PipeOptions {
  /** Only this many bytes reach the receiver, which then sees the end of the stream. */
  readonly cutAfterBytes?: number;
  /** The sender is killed (SIGKILL) after this many bytes. */
  readonly killSendAfter?: number;
  /** The receiver is killed after this many bytes; `-s` state is kept, the sender gets SIGPIPE. */
  readonly killRecvAfter?: number;
}

export interface PipeResult {
  readonly send: Result;
  readonly recv: Result;
  /** Bytes that the receiver took. */
  readonly bytes: number;
}

/** What fits into a pipe: a sender whose stream is smaller does not notice that the receiver has gone. */
export const PIPE_BYTES = 65_536;

export interface SimulatorOptions {
  readonly seed?: number;
  readonly nowSec?: number;
  /** Simulated channel programs by first line of the script; default: those that the project has. */
  readonly programs?: ProgramRegistry;
  /** Reads a channel program; the default reads the real file. */
  readonly readFile?: (path: string) => string;
}

/** A simulated ZFS. Deterministic: the same seed and commands give the same world and output. */
export class ZfsSimulator {
  world: World;
  readonly programs: ProgramRegistry;
  readonly readFile: (path: string) => string;

  constructor(options: SimulatorOptions = {}, world?: World) {
    this.world = world ?? createWorld(options);
    this.programs = options.programs ?? STANDARD_PROGRAMS;
    this.readFile = options.readFile ?? ((path) => (path === "-" ? "" : readFileSync(path, "utf8")));
  }

  /** The clock: what new snapshots get as creation time. */
  get nowSec(): number {
    return this.world.nowSec;
  }

  set nowSec(sec: number) {
    this.world.nowSec = sec;
  }

  /** Creates a pool (1 GiB unless told otherwise) without going through the command line. */
  addPool(name: string, sizeBytes?: number): void {
    addPool(this.world, name, sizeBytes);
  }

  /** Runs `zfs …` or `zpool …` to its end, with a channel program (`-`) as `input`. `send` gives no bytes here and `receive` reads an empty stream: see pipe(). */
  exec(argv: readonly string[], input?: string): Result {
    const [program, command, ...args] = argv;
    try {
      if (program === "zpool") return cmdZpool(this.world, argv.slice(1));
      if (program !== "zfs") return { stdout: "", stderr: `${program}: command not found\n`, exitCode: 127 };
      return this.#zfs(command, args, input);
    } catch (error) {
      if (error instanceof CommandFailure) return { stdout: "", stderr: error.stderr, exitCode: error.exitCode };
      throw error;
    }
  }

  #zfs(command: string | undefined, args: readonly string[], input: string | undefined): Result {
    const handler = command === undefined ? undefined : COMMANDS[command];
    if (handler !== undefined) return handler(this.world, args);
    if (command === "send") {
      const { stdout, stderr, exitCode } = cmdSend(this.world, args);
      return { stdout, stderr, exitCode };
    }
    if (command === "receive" || command === "recv") return stripTaken(cmdReceive(this, args, null, 0));
    if (command === "program") {
      const read = (path: string) => (path === "-" && input !== undefined ? input : this.readFile(path));
      return cmdProgram(this.world, args, this.programs, read);
    }
    if (command === "version") return { stdout: "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n", stderr: "", exitCode: 0 };
    const problem = command === undefined ? "missing command" : `unrecognized command '${command}'`;
    return { stdout: "", stderr: `${commandOverview(problem)}\n`, exitCode: 2 };
  }

  /** `zfs send … | zfs receive …`. Both argv start with "zfs". */
  pipe(sendArgv: readonly string[], recvArgv: readonly string[], options: PipeOptions = {}): PipeResult {
    const send = cmdSend(this.world, sendArgv.slice(2));
    const total = send.stream === null ? 0 : streamBytes(send.stream);
    const limits = [total, options.cutAfterBytes, options.killSendAfter, options.killRecvAfter];
    const reach = Math.min(...limits.filter((limit) => limit !== undefined));
    const recv = cmdReceive(this, recvArgv.slice(2), reach === 0 ? null : send.stream, reach);
    const recvKilled = options.killRecvAfter !== undefined && options.killRecvAfter === reach && reach < total;
    const sendKilled = options.killSendAfter !== undefined && options.killSendAfter === reach && reach < total;
    const isUnread = total - recv.taken > PIPE_BYTES;
    const sendExit = sendKilled ? EXIT_SIGKILL : isUnread || recvKilled ? EXIT_SIGPIPE : send.exitCode;
    const result = { stdout: "", stderr: send.stderr, exitCode: send.exitCode === 0 ? sendExit : send.exitCode };
    if (recvKilled)
      return { send: result, recv: { stdout: "", stderr: "", exitCode: EXIT_SIGKILL }, bytes: recv.taken };
    return { send: result, recv: stripTaken(recv), bytes: recv.taken };
  }

  /** The stream that `zfs send …` would write, with its messages: for transports of your own. */
  send(argv: readonly string[]): Result & { readonly stream: SendStream | null } {
    return cmdSend(this.world, argv.slice(2));
  }

  /** `zfs receive …` of the first `bytes` bytes (default: all) of a stream. */
  receive(argv: readonly string[], stream: SendStream | null, bytes?: number): Result {
    const size = stream === null ? 0 : streamBytes(stream);
    return stripTaken(cmdReceive(this, argv.slice(2), stream, bytes ?? size));
  }

  /** Starts `zfs receive …` without any input yet: feed() and end() the result. */
  startReceive(argv: readonly string[], stream: SendStream): RunningReceive {
    const { options } = parseReceive(argv.slice(2));
    return new RunningReceive(this, stream, options, 1);
  }

  #dataset(name: string): Dataset {
    const dataset = findDataset(this.world, name);
    if (dataset === undefined) throw new Error(`no dataset ${name}`);
    return dataset;
  }

  /** Writes `bytes` under an id (default: a new one) into the live filesystem. */
  write(name: string, bytes: number, id?: string): void {
    const dataset = this.#dataset(name);
    writeBlock(this.world, poolFor(this.world, dataset), dataset, id ?? `w${this.world.nextStamp}`, bytes);
  }

  /** Deletes what write() wrote. */
  remove(name: string, id: string): void {
    const dataset = this.#dataset(name);
    removeBlock(poolFor(this.world, dataset), dataset, id);
  }

  /** The content of `fs` or `fs@snap`, to compare sender and receiver. */
  contentOf(name: string): Content | undefined {
    return name.includes("@")
      ? findSnapshot(this.world, name)?.snapshot.content
      : findDataset(this.world, name)?.content;
  }

  /** An independent copy of the whole world with the same future guids. */
  clone(): ZfsSimulator {
    return new ZfsSimulator({ programs: this.programs, readFile: this.readFile }, cloneWorld(this.world));
  }

  /** The world as JSON text; `ZfsSimulator.restore` reads it. */
  snapshotState(): string {
    return JSON.stringify(this.world);
  }

  static restore(state: string, options: SimulatorOptions = {}): ZfsSimulator {
    return new ZfsSimulator(options, JSON.parse(state));
  }

  /** The world as a short text with stable order, for failure messages. */
  dump(): string {
    return dumpWorld(this.world);
  }
}

function stripTaken(result: Result): Result {
  return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode };
}
