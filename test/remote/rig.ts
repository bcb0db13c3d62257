/** Both sides of the protocol in one process: an in-memory pipe instead of ssh, the simulated ZFS instead of pools. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import type { Config } from "../../src/config/config.ts";
import type { Connection, ConnectionEnd, Transport } from "../../src/remote/connection.ts";
import type { Hello } from "../../src/remote/handshake.ts";
import { streamIncoming } from "../../src/remote/incoming.ts";
import { serve } from "../../src/remote/serve.ts";
import { load } from "../config/files.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import { StreamRunner } from "./stream-runner.ts";

export const CLIENT = "alice";

export interface RigOptions {
  /** Keys of the sink job `sink` (root `dst/sink`) and the source job `source` (everything below `src`, not `src/secret`). */
  readonly sink?: object;
  readonly source?: object;
  readonly global?: object;
  readonly identity?: string;
}

export interface Served {
  /** The client's ends. */
  readonly input: Readable;
  readonly output: Writable;
  /** Whether the server was content; resolves when it has ended. */
  readonly ended: Promise<boolean>;
  readonly kill: () => void;
}

export class Rig {
  readonly sim: ZfsSimulator;
  readonly lockDir = mkdtempSync(join(tmpdir(), "zrepl-run-remote-"));
  /** Errors that are bugs of ours. */
  readonly bugs: unknown[] = [];
  readonly log: string[] = [];
  /** Connections that were made. */
  connections = 0;
  readonly #kills: (() => void)[] = [];
  readonly #options: RigOptions;
  readonly #config: Promise<Config>;

  constructor(sim: ZfsSimulator, options: RigOptions = {}) {
    this.sim = sim;
    this.#options = options;
    const serves = { type: "stdinserver", client_identities: [CLIENT, "bob"] };
    const jobs = [
      {
        type: "sink",
        name: "sink",
        root_fs: "dst/sink",
        serve: serves,
        recv: { placeholder: { encryption: "inherit" } },
        ...options.sink,
      },
      {
        type: "source",
        name: "source",
        filesystems: { "src<": true, "src/secret<": false },
        snapshotting: { type: "manual" },
        serve: serves,
        ...options.source,
      },
    ];
    this.#config = load(JSON.stringify({ global: { lock_dir: this.lockDir, ...options.global }, jobs }));
  }

  dispose(): void {
    rmSync(this.lockDir, { recursive: true, force: true });
  }

  /** A server for one connection. */
  serve(): Served {
    this.connections++;
    const [up, down] = [new PassThrough({ highWaterMark: 1 << 20 }), new PassThrough({ highWaterMark: 1 << 20 })];
    const controller = new AbortController();
    const identity = this.#options.identity ?? CLIENT;
    const side = new PassThrough();
    side.resume();
    const ended = serve({
      incoming: streamIncoming({ input: up, output: down }),
      loadConfig: () => this.#config,
      enter: () => ({ kind: "stdinserver", identity }),
      runner: new StreamRunner(this.sim, controller.signal),
      signal: controller.signal,
      abort: (error) => controller.abort(error),
      nowMs: () => this.sim.nowSec * 1000,
      log: (_level, message) => this.log.push(message),
      onBug: (error) => this.bugs.push(error),
      sideLine: (line) => this.log.push(line),
    }).finally(() => down.end());
    const kill = () => {
      controller.abort(new Error("killed by the test"));
      up.destroy();
      down.destroy();
    };
    this.#kills.push(kill);
    return { input: down, output: up, ended, kill };
  }

  /** Cuts all connections. */
  killAll(): void {
    for (const kill of this.#kills.splice(0)) kill();
  }

  transport(): Transport {
    return {
      peer: "there",
      dialTimeoutSec: 10,
      open: async () => this.#connection(),
      close: async () => undefined,
    };
  }

  #connection(): Connection {
    const { input, output, ended: served } = this.serve();
    const ended = served.then((success): ConnectionEnd => ({ success, problem: undefined }));
    const lines: ((line: string) => void)[] = [];
    const seen = this.log.length;
    return {
      input,
      output,
      hasHandles: false,
      abort: () => {
        output.end();
        input.destroy();
      },
      ended: ended.then((end) => {
        for (const line of this.log.slice(seen)) for (const listener of lines) listener(line);
        return end;
      }),
      onLine: (listener) => lines.push(listener),
    };
  }
}

let sessions = 0;

export function hello(role: Hello["role"], more: Partial<Hello> = {}): Hello {
  const session = (sessions++).toString(16).padStart(32, "0");
  return { role, session, driver: "host:dir:job", keepAliveSec: 30, lockWaitSec: 0, ...more };
}
