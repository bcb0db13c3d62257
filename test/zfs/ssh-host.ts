import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll } from "vitest";

export const program = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));

export interface Client {
  readonly identity: string;
  /** Of the server; the forced command reads it. */
  readonly config: string;
}

export interface SshHost {
  readonly port: number;
  readonly process: ChildProcess;
  /** For `connect.options`, so that the host's key is known. */
  readonly knownHosts: string;
  keyOf(identity: string): string;
  /** `connect:` of a job, as JSON. */
  connect(identity: string, more?: object): object;
  /** What sshd has logged. */
  log(): string;
  /** Sessions (not connections) that clients have had, e.g. to count them. */
  sessions(): number;
  stop(): Promise<void>;
}

let nextPort = 2200;

export interface SshHostOptions {
  readonly user?: string;
  /** Text that a login prints before the forced command speaks. */
  readonly noise?: string;
  /** Instead of the forced command `zrepl-run stdinserver IDENTITY`. */
  readonly command?: string;
}

/** A real sshd on loopback, whose keys run `zrepl-run stdinserver IDENTITY` and nothing else. */
export async function startSshHost(
  dir: string,
  clients: readonly Client[],
  options: SshHostOptions = {},
): Promise<SshHost> {
  const port = nextPort++;
  const folder = join(dir, `sshd-${port}`);
  mkdirSync(folder, { mode: 0o755 });
  mkdirSync("/run/sshd", { recursive: true });
  const newKey = (name: string) => execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  await newKey("host");
  const lines: string[] = [];
  for (const { identity, config } of clients) {
    await newKey(identity);
    const key = (await readFile(join(folder, `${identity}.pub`), "utf8")).trim();
    const before = options.noise === undefined ? "" : `printf '${options.noise}'; `;
    const serve = options.command ?? `${process.execPath} ${program} -c '${config}' stdinserver ${identity}`;
    lines.push(`command="${before}${serve}",restrict ${key}`);
  }
  writeFileSync(join(folder, "authorized_keys"), `${lines.join("\n")}\n`, { mode: 0o644 });
  const hostKey = (await readFile(join(folder, "host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
  writeFileSync(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
  const settings = [
    "ListenAddress=127.0.0.1",
    `AuthorizedKeysFile=${join(folder, "authorized_keys")}`,
    "StrictModes=no",
    "PidFile=none",
    "LogLevel=VERBOSE",
    "PermitRootLogin=prohibit-password",
    "UseDNS=no",
    "UsePAM=no",
  ].flatMap((setting) => ["-o", setting]);
  const sshd = spawn(
    "/usr/sbin/sshd",
    ["-D", "-e", "-f", "/dev/null", "-h", join(folder, "host"), "-p", String(port), ...settings],
    {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    },
  );
  let log = "";
  sshd.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  await waitForPort(port, () => log);
  const keyOf = (identity: string) => join(folder, identity);
  const knownHosts = join(folder, "known_hosts");
  return {
    port,
    process: sshd,
    knownHosts,
    keyOf,
    connect: (identity, more = {}) => ({
      type: "ssh+stdinserver",
      host: "127.0.0.1",
      user: options.user ?? "root",
      port,
      identity_file: keyOf(identity),
      options: [`UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=/dev/null"],
      ...more,
    }),
    log: () => log,
    sessions: () => log.match(/Starting session: /g)?.length ?? 0,
    stop: async () => {
      sshd.kill("SIGTERM");
      if (sshd.exitCode === null) await new Promise((resolve) => sshd.once("exit", resolve));
    },
  };
}

/** Hosts that end with the tests of the file. */
export function trackSshHosts(): typeof startSshHost {
  const hosts: SshHost[] = [];
  afterAll(async () => {
    for (const host of hosts) await host.stop();
  });
  return async (...args) => {
    const host = await startSshHost(...args);
    hosts.push(host);
    return host;
  };
}

async function waitForPort(port: number, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (isOpen) return;
    await sleep(100);
  }
  throw new Error(`sshd does not listen on ${port}: ${log()}`);
}

/** Runs `zrepl-run`; never rejects. */
export async function zreplRun(config: string, ...args: string[]) {
  const result = await execa(process.execPath, [program, "-c", config, ...args], {
    reject: false,
    stdin: "ignore",
    all: true,
  });
  return { exitCode: result.exitCode, output: result.all ?? "" };
}

/** The same, to be killed. */
export function startZreplRun(config: string, ...args: string[]) {
  return execa(process.execPath, [program, "-c", config, ...args], { reject: false, stdin: "ignore", all: true });
}

/** Waits until a receive into `filesystem` has got so far. */
export async function receivedBytes(filesystem: string, bytes: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const { stdout } = await execa("zfs", ["get", "-Hpo", "value", "used", filesystem], { reject: false });
    if (Number(stdout) > bytes) return;
    await sleep(100);
  }
  throw new Error(`${filesystem} has not received ${bytes} bytes within 30 s`);
}

export function writeConfig(dir: string, name: string, config: object): string {
  const file = join(dir, `${name}.yml`);
  writeFileSync(file, JSON.stringify(config, undefined, 1)); // YAML is a superset of JSON
  return file;
}
