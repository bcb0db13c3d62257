/** The built program on the look-alike ZFS: a folder with a world, a config, and commands to run there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, type Options } from "execa";

const PROGRAM = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));

const KEEP = [{ type: "last_n", count: 1 }];
const LOCAL = { type: "local", listener_name: "here" };
const SNAPSHOTTING = { type: "periodic", interval: "10m", prefix: "z_" };

/** A push job of everything below tank/data to the sink at back/sink, and a snap job of tank/snap. */
export const JOBS = [
  {
    ...{ type: "push", name: "push", connect: { ...LOCAL, client_identity: "me" }, snapshotting: SNAPSHOTTING },
    ...{ filesystems: { "tank/data<": true }, pruning: { keep_sender: KEEP, keep_receiver: KEEP } },
    send: { encrypted: false },
  },
  { type: "sink", name: "sink", root_fs: "back/sink", serve: LOCAL, recv: { placeholder: { encryption: "inherit" } } },
  {
    ...{ type: "snap", name: "snap", filesystems: { "tank/snap": true }, snapshotting: SNAPSHOTTING },
    pruning: { keep: KEEP },
  },
];

export class SimulatedSite {
  readonly dir = mkdtempSync(join(tmpdir(), "zrepl-run-site-"));
  readonly #bin = join(this.dir, "bin");
  env: Record<string, string> = {
    ...{ PATH: `${this.#bin}:${process.env["PATH"]}`, HOME: this.dir, NO_COLOR: "1" },
    ZREPL_RUN_SIM_STATE: join(this.dir, "world.json"),
  };

  /** Two pools with filesystems in them; the jobs' config with `global`. */
  async create(global: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await execa("node", ["scripts/build-sim.mjs", this.#bin]);
    this.configure(global);
    await this.shell(`
      zpool create tank f; zpool create back g; zfs create back/sink
      for fs in data data/a data/b snap; do zfs create tank/$fs; zfs write tank/$fs 2000000; done
    `);
  }

  configure(global: Readonly<Record<string, unknown>>): void {
    const config = { global: { lock_dir: join(this.dir, "locks"), ...global }, jobs: JOBS };
    writeFileSync(join(this.dir, "c.yml"), JSON.stringify(config));
  }

  /** zrepl-run with the config. */
  run(args: readonly string[], options: Options = {}) {
    return execa(process.execPath, [PROGRAM, "--config", join(this.dir, "c.yml"), ...args], {
      ...{ env: this.env, extendEnv: false, reject: false, stdin: "ignore", cwd: this.dir, ...options },
    });
  }

  async shell(script: string): Promise<string> {
    const { stdout } = await execa("bash", ["-ec", script], { env: this.env });
    return stdout;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}
