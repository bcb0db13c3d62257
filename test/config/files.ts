import { dirname } from "node:path";
import type { Config } from "../../src/config/config.ts";
import { type LoadOptions, loadConfig } from "../../src/config/load.ts";
import type { Files } from "../../src/config/locate.ts";
import { ConfigError } from "../../src/errors.ts";

/** A file system of a few texts; all their directories exist. */
export function filesOf(texts: Readonly<Record<string, string>>): Files {
  const paths = Object.keys(texts);
  const isDirectory = (path: string) => paths.some((other) => other.startsWith(`${path}/`));
  return {
    kind: async (path) => (path in texts ? "file" : isDirectory(path) ? "directory" : "absent"),
    read: async (path) => {
      const text = texts[path];
      if (text === undefined) throw Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" });
      return text;
    },
    list: async (path) => paths.filter((other) => dirname(other) === path).map((other) => other.slice(path.length + 1)),
  };
}

/** Loads `/c.yml` from a text. */
export function load(text: string, options: Partial<LoadOptions> = {}): Promise<Config> {
  return loadConfig({ file: "/c.yml", env: {}, cwd: "/", uid: 0, files: filesOf({ "/c.yml": text }), ...options });
}

/** The problems of loading; an empty list if there are none. */
export async function problemsOf(loading: Promise<unknown>): Promise<readonly string[]> {
  try {
    await loading;
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** A push job to a host, with further or other keys at the end. */
export function pushJob(more = "", name = "p"): string {
  return `
  - type: push
    name: ${name}
    connect: {type: tcp, address: "h:1"}
    filesystems: {"tank<": true}
    snapshotting: {type: manual}
    pruning: {keep_sender: [{type: not_replicated}], keep_receiver: [{type: last_n, count: 3}]}
    ${more}`;
}

/** A snap job; its parts can be replaced. */
export function snapJob({
  name = "s",
  filesystems = '{"tank<": true}',
  snapshotting = "{type: manual}",
  keep = "{type: last_n, count: 1}",
} = {}): string {
  return `
  - type: snap
    name: ${name}
    filesystems: ${filesystems}
    snapshotting: ${snapshotting}
    pruning: {keep: [${keep}]}`;
}
