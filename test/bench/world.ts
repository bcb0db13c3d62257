/** Two pools for a benchmark: filesystems with a snapshot each on one, a replica by each contender on the other. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPool, type TestPool, zfs } from "../zfs/pool.ts";
import type { Contender } from "./compare.ts";
import { measure } from "./measure.ts";
import { fillIn, type Peer } from "./peers.ts";

export const PROGRAM = fileURLToPath(new URL("../../../bin/zrepl-run.js", import.meta.url));

type Keys = Readonly<Record<string, unknown>>;

interface Changes {
  readonly push?: Keys;
  readonly sink?: Keys;
}

export class World implements AsyncDisposable {
  readonly src: TestPool;
  readonly dst: TestPool;
  readonly filesystems: readonly string[];
  /** Above the filesystems; it is not replicated. */
  readonly source: string;
  #snapshots = 0;
  #configs = 0;

  private constructor(src: TestPool, dst: TestPool, n: number) {
    this.src = src;
    this.dst = dst;
    this.source = `${src.name}/data`;
    this.filesystems = Array.from({ length: n }, (_, index) => `fs${index}`);
  }

  static async create(n: number, sizeMib = 1024): Promise<World> {
    const args = ["-O", "compression=off", "-O", "atime=off"];
    const src = await createPool({ sizeMiB: sizeMib, mountpoint: true, args });
    const world = new World(src, await createPool({ sizeMiB: sizeMib, args }), n);
    for (const name of [world.source, `${world.dst.name}/sink`]) await zfs("create", name);
    for (const name of world.filesystems) await zfs("create", `${world.source}/${name}`);
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.src.destroy();
    await this.dst.destroy();
  }

  get dir(): string {
    return this.src.dir;
  }

  get pools(): readonly string[] {
    return [this.src.name, this.dst.name];
  }

  /** Below it a contender has its replicas, except zrepl-run, which has a sink. */
  targetOf(contender: string): string {
    return `${this.dst.name}/${contender}`;
  }

  get newest(): string {
    return `round${this.#snapshots}`;
  }

  get previous(): string {
    return `round${this.#snapshots - 1}`;
  }

  /** Writes so much into each filesystem and takes a snapshot of each, as a snap job does: not of what is above them. */
  async advance(kib = 16): Promise<void> {
    this.#snapshots++;
    for (const name of this.filesystems)
      writeFileSync(join(this.src.mountpoint ?? "", "data", name, "file"), randomBytes(kib << 10));
    await zfs("snapshot", ...this.filesystems.map((name) => `${this.source}/${name}@${this.newest}`));
  }

  /** The command line of a config of its own, whose jobs are `push` and `sink`. */
  zreplRun(verb: string, { push = {}, sink = {} }: Changes = {}): string[] {
    const keep = [{ type: "regex", regex: "^round" }];
    const job = {
      type: "push",
      name: "push",
      connect: { type: "local", listener_name: "here", client_identity: "client" },
      filesystems: { [`${this.source}<`]: true, [this.source]: false },
      snapshotting: { type: "manual" },
      pruning: { keep_sender: keep, keep_receiver: keep },
      ...push,
    };
    return [process.execPath, PROGRAM, "--quiet", "-c", this.config([job, this.sinkJob(sink)]), verb, "push"];
  }

  sinkJob(changes: Keys = {}): Keys {
    return {
      type: "sink",
      name: "sink",
      root_fs: `${this.dst.name}/sink`,
      serve: { type: "local", listener_name: "here" },
      recv: { placeholder: { encryption: "inherit" } },
      ...changes,
    };
  }

  /** Writes a config. */
  config(jobs: readonly Keys[]): string {
    const file = join(this.dir, `config-${++this.#configs}.yml`);
    writeFileSync(file, JSON.stringify({ global: { lock_dir: join(this.dir, "locks") }, jobs }));
    return file;
  }

  /** `zfs send | zfs recv` of each filesystem's newest snapshot, `via` being e.g. an ssh that runs `zfs recv`. */
  bare(kind: "full" | "incremental", via = ""): string[] {
    const from = kind === "full" ? "" : `-i @${this.previous}`;
    const target = this.targetOf("bare");
    const script = this.filesystems
      .map((name) => `zfs send ${from} ${this.source}/${name}@${this.newest} | ${via} zfs recv -u ${target}/${name}`)
      .join("\n");
    return ["bash", "-e", "-o", "pipefail", "-c", script];
  }

  peers(peers: readonly Peer[]): Contender[] {
    return peers.map(({ name, local }) => ({
      name,
      argv: fillIn(local, { source: this.source, target: this.targetOf(name) }),
    }));
  }

  /** A first snapshot, and everybody's replica of it. */
  async replicateFirst(contenders: readonly Contender[]): Promise<void> {
    await this.advance();
    for (const { name, argv } of contenders) {
      if (name !== "zrepl-run") await zfs("create", "-o", "mountpoint=none", this.targetOf(name));
      await measure({ argv: name === "bare" ? this.bare("full") : argv });
    }
  }
}
