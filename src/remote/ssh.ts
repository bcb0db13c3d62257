/**
 * `connect: {type: ssh+stdinserver}`: OpenSSH's client, one TCP connection for all that a session does. The session's own
 * ssh is the multiplexing master, in the foreground: it is our child, so nothing of it outlives us.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connect } from "../config/config.ts";
import { ChildRegistry, dieWithUs, endProcessGroup } from "../zfs/children.ts";
import { ProgramMissingError } from "../zfs/errors.ts";
import type { Connection, ConnectionEnd, Transport } from "./connection.ts";
import { printable } from "./remote-error.ts";
import { ERROR_LINE } from "./remote-sender.ts";
import { explainSshFailure } from "./ssh-failure.ts";

export interface TransportOptions {
  /** Aborting it ends the connections. */
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For short-lived private files. */
  readonly runDir: string;
  readonly keepAliveSec: number;
}

type SshConnect = Extract<Connect, { type: "ssh+stdinserver" }>;

/** What a login without a forced command would run; with one, sshd ignores it. Our bytes never reach a shell. */
const REMOTE_COMMAND = "zrepl-run stdinserver";

/** Arguments for one ssh. What the config gives in `options` comes first and wins: ssh takes the first value it sees. */
export function buildSshArgv(
  connect: SshConnect,
  purpose: { readonly master: boolean; readonly controlPath: string; readonly keepAliveSec: number },
): string[] {
  const { host, user, port, identityFile, options, sshCommand, dialTimeoutSec } = connect;
  const intervalSec = Math.max(1, Math.floor(purpose.keepAliveSec / 3));
  const ours = [
    "BatchMode=yes",
    ...(dialTimeoutSec > 0 ? [`ConnectTimeout=${Math.max(1, Math.ceil(dialTimeoutSec))}`] : []),
    `ServerAliveInterval=${intervalSec}`,
    "ServerAliveCountMax=3",
    "ControlPersist=no",
    `ControlMaster=${purpose.master ? "yes" : "no"}`,
    `ControlPath=${purpose.controlPath}`,
    "ClearAllForwardings=yes",
    "RequestTTY=no",
    "EscapeChar=none",
    "IdentitiesOnly=yes",
  ];
  const values = [...options, ...ours].flatMap((value) => ["-o", value]);
  return [sshCommand, "-T", "-p", String(port), "-i", identityFile, "-l", user, ...values, "--", host, REMOTE_COMMAND];
}

export function sshTransport(connect: SshConnect, options: TransportOptions): Transport {
  const children = new ChildRegistry(options.signal);
  const dir = privateDirectory(options.runDir);
  let master: ChildProcess | undefined;
  let masters = 0;
  const peer = `${connect.user}@${connect.host}`;
  return {
    peer,
    dialTimeoutSec: connect.dialTimeoutSec,
    open: async () => {
      options.signal.throwIfAborted();
      const isMaster = master === undefined || master.exitCode !== null || master.signalCode !== null;
      if (isMaster) masters++;
      const purpose = { master: isMaster, controlPath: join(dir, String(masters)), keepAliveSec: options.keepAliveSec };
      const child = start(buildSshArgv(connect, purpose), options.env);
      if (isMaster) master = child;
      children.add(child);
      return childConnection(child, connect);
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

function start(argv: readonly string[], env: TransportOptions["env"]): ChildProcess {
  const [program = "", ...args] = dieWithUs(argv);
  return spawn(program, args, { env: { ...env }, stdio: ["pipe", "pipe", "pipe"], detached: true });
}

const KEPT_LINES = 20;

function childConnection(child: ChildProcess, connect: SshConnect): Connection {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("ssh without pipes");
  for (const stream of [stdin, stdout]) stream.on("error", () => undefined); // the child's end says why
  const listeners: ((line: string) => void)[] = [];
  const lines: string[] = [];
  let pending = "";
  const hear = (line: string) => {
    if (!line.startsWith(ERROR_LINE) && !isProgress(line)) lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    for (const listener of listeners) listener(line);
  };
  stderr.setEncoding("utf8").on("data", (text: string) => {
    const parts = (pending + text).split(/\r?\n/);
    pending = (parts.pop() ?? "").slice(-8192);
    for (const line of parts) hear(line);
  });
  const stderrEnd = new Promise<void>((resolve) => stderr.once("close", resolve));
  const ended = new Promise<ConnectionEnd>((resolve) => {
    child.once("error", (error) => {
      const missing =
        "code" in error && error.code === "ENOENT" ? new ProgramMissingError(connect.sshCommand, error) : error;
      resolve({ success: false, problem: { message: missing.message } });
    });
    child.once("exit", (exitCode, signal) => {
      const done = () => {
        if (pending !== "") hear(pending);
        pending = "";
        resolve(describeEnd(connect, exitCode, signal, lines));
      };
      void stderrEnd.then(done);
    });
  });
  return {
    input: stdout,
    output: stdin,
    hasHandles: true,
    abort: () => {
      endProcessGroup(child);
      for (const stream of [stdin, stdout]) stream.destroy();
    },
    ended,
    onLine: (listener) => listeners.push(listener),
  };
}

/** Progress that the other side's `zfs send -vP` prints; not a reason for anything. */
function isProgress(line: string): boolean {
  return /^(?:\d\d:\d\d:\d\d|full|incremental|size)\t/.test(line);
}

function describeEnd(
  connect: SshConnect,
  exitCode: number | null,
  signal: string | null,
  lines: readonly string[],
): ConnectionEnd {
  if (exitCode === 0) return { success: true, problem: undefined };
  const said = printable(lines.filter((line) => line.trim() !== "").join("; "));
  const known = explainSshFailure(connect, said, exitCode);
  const fallback = signal === null ? `ssh ended with exit status ${exitCode}` : `ssh was ended by ${signal}`;
  return { success: false, problem: { message: said || fallback, ...known } };
}

/** A directory of our own with a short path: a socket's may have 108 bytes, and ssh adds 17 while it makes it. */
function privateDirectory(runDir: string): string {
  const parent = runDir.length <= 50 && isUsable(runDir) ? runDir : tmpdir().length <= 50 ? tmpdir() : "/tmp";
  removeOrphans(parent);
  return mkdtempSync(join(parent, `zr-ssh-${process.pid}-`));
}

function isUsable(dir: string): boolean {
  if (!/^[\w./:@+-]+$/.test(dir)) return false; // ssh would see a blank as the path's end, and % as something to fill in
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    rmSync(mkdtempSync(join(dir, "zr-ssh-0-")), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** Removes what invocations that were killed left. */
function removeOrphans(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(/^zr-ssh-(\d+)-/.exec(name)?.[1] ?? 0);
    if (pid === 0 || processExists(pid)) continue;
    try {
      rmSync(join(parent, name), { recursive: true, force: true });
    } catch {
      // another user's
    }
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
