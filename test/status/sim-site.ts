/** The built program on the simulated ZFS executables: pools `tank` and `back`, a push job `home` and its sink `vault`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

export const PROGRAM = fileURLToPath(new URL("../../bin/zrepl-run.js", import.meta.url));

type Keys = Readonly<Record<string, unknown>>;

const KEEP = [{ type: "regex", regex: ".*" }];

export class SimSite {
  readonly dir = mkdtempSync(join(tmpdir(), "zrepl-run-status-"));
  readonly config = join(this.dir, "c.yml");
  readonly env: Readonly<Record<string, string>> = {
    PATH: `${this.dir}/bin:${process.env["PATH"]}`,
    ZREPL_RUN_SIM_STATE: join(this.dir, "world.json"),
    ZREPL_RUN_CONFIG: this.config,
    LC_ALL: "C.UTF-8",
  };

  async create(): Promise<void> {
    await execa("node", ["scripts/build-sim.mjs", join(this.dir, "bin")]);
    this.configure({});
    await this.shell("zpool create tank f && zpool create back f && zfs create back/vault");
  }

  /** Further keys of the push job. */
  configure(push: Keys): void {
    const listener = { type: "local", listener_name: "l" };
    const jobs = [
      {
        ...{
          type: "push",
          name: "home",
          filesystems: { "tank<": true, tank: false },
          snapshotting: { type: "manual" },
        },
        ...{ connect: { ...listener, client_identity: "c" }, pruning: { keep_sender: KEEP, keep_receiver: KEEP } },
        ...push,
      },
      {
        type: "sink",
        name: "vault",
        root_fs: "back/vault",
        serve: listener,
        recv: { placeholder: { encryption: "off" } },
      },
    ];
    writeFileSync(this.config, JSON.stringify({ global: { lock_dir: join(this.dir, "locks") }, jobs }));
  }

  /** Runs a script with the look-alikes in PATH. @throws when it fails */
  async shell(script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout } = await execa("bash", ["-ec", script], { env: { ...this.env, ...env } });
    return stdout;
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [PROGRAM, ...args], {
      env: { ...this.env, ...env },
      reject: false,
      stdin: "ignore",
    });
    return { exitCode, stdout, stderr };
  }

  /** Zfs processes of a run with `--log-level debug`. */
  static processes(stderr: string): string[] {
    return [...stderr.matchAll(/: run ((?:zfs|zpool) .*)$/gm)].map(([, command = ""]) => command);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
