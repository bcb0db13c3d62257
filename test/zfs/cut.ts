/** A `zfs` on PATH whose sends end early: interruptions at an exact byte, with the real programs around them. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { RunOptions, Site } from "./site.ts";

/** How to run zrepl-run so that each stream ends after so many bytes. */
export async function cutAfter(site: Site, bytes: number): Promise<RunOptions> {
  const real = (await execa("sh", ["-c", "command -v zfs"])).stdout;
  const directory = join(site.dir, `cut ${bytes}`);
  mkdirSync(directory, { recursive: true });
  const wrapper = join(directory, "zfs");
  const cut = `"$real" "$@" | head -c ${bytes}; exit 0`;
  writeFileSync(
    wrapper,
    `#!/bin/bash\nreal='${real}'\nif [ "$1" = send ] && [ "$2" = -v ]; then ${cut}; fi\nexec "$real" "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  return { env: { PATH: `${directory}:${process.env["PATH"]}` } };
}

/** What a resume token says, by `zfs send -nvP -t`. */
export async function tokenContents(token: string): Promise<Record<string, string>> {
  const { stdout } = await execa("zfs", ["send", "-nvP", "-t", token], { reject: false });
  return Object.fromEntries([...stdout.matchAll(/^\t(\S+) = (.*)$/gm)].map(([, key = "", value = ""]) => [key, value]));
}
