/** Other tools that replicate, as far as they are installed: syncoid, and what a file of command lines names. */
import { readFileSync } from "node:fs";
import { execa } from "execa";

/** How another tool is run. `{source}`, `{target}`, `{port}`, `{key}` and `{known_hosts}` are filled in. */
export interface Peer {
  readonly name: string;
  /** Replicates everything below `{source}`, without itself, to below `{target}`; takes no snapshots. */
  readonly local: readonly string[];
  /** The same with the target on root@127.0.0.1; absent = it is left out there. */
  readonly ssh?: readonly string[];
}

const SYNCOID: Peer = {
  name: "syncoid",
  local: ["syncoid", "--quiet", "--recursive", "--skip-parent", "--no-sync-snap", "{source}", "{target}"],
  ssh: [
    "syncoid",
    "--quiet",
    "--recursive",
    "--skip-parent",
    "--no-sync-snap",
    "--sshport={port}",
    "--sshkey={key}",
    "--sshoption=UserKnownHostsFile={known_hosts}",
    "{source}",
    "root@127.0.0.1:{target}",
  ],
};

/** @param file JSON: `[{"name": …, "local": […], "ssh": […]}, …]` */
export async function findPeers(file: string | undefined): Promise<Peer[]> {
  const more = file === undefined ? [] : (JSON.parse(readFileSync(file, "utf8")) as Peer[]);
  const found: Peer[] = [];
  for (const peer of [SYNCOID, ...more]) {
    const { exitCode } = await execa("sh", ["-c", 'command -v "$1"', "sh", peer.local[0] ?? ""], { reject: false });
    if (exitCode === 0) found.push(peer);
    else console.error(`bench: ${peer.name} is not on PATH: left out`);
  }
  return found;
}

export function fillIn(words: readonly string[], values: Readonly<Record<string, string>>): string[] {
  return words.map((word) => word.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole));
}
