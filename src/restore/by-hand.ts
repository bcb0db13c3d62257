/**
 * How what a job has pulled comes back to the host that it was pulled from. A source only ever sends, so that whoever has
 * taken the backup host can't write there: its administrator does it, with these commands.
 */
import type { PullJob } from "../config/config.ts";
import type { Sender } from "../endpoint/endpoint.ts";
import { quoted, shellWords } from "../shell-words.ts";
import type { Choice } from "./choose.ts";

/** Lines for a shell on this host: a transfer for each filesystem, and what makes the next pull incremental. */
export async function commandsByHand(job: PullJob, choices: readonly Choice[], sender: Sender): Promise<string[]> {
  const lines: string[] = [];
  const restored: string[] = [];
  for (const { filesystem, replica } of choices) {
    const to = replica?.versions.at(-1);
    if (replica === undefined || to === undefined) continue;
    const { type } = replica;
    const request = { filesystem, type, from: undefined, to, resumeToken: undefined, via: [] };
    const { end } = await sender.openSend({ ...request, guarantee: "guarantee_nothing" });
    if (end.kind !== "command") continue;
    restored.push("--filesystem", filesystem);
    const send = shellWords(end.argv.filter((word) => word !== "-P")); // progress for people
    lines.push(`${send} | ${remoteShell(job)} ${quoted(shellWords(["zfs", "recv", "-s", "-u", filesystem]))}`);
  }
  return restored.length === 0 ? [] : [...lines, shellWords(["zrepl-run", "adopt", job.name, ...restored])];
}

function remoteShell({ connect }: PullJob): string {
  if (connect.type !== "ssh+stdinserver") return "ssh HOST";
  const port = connect.port === 22 ? [] : ["-p", String(connect.port)];
  return shellWords(["ssh", ...port, `${connect.user}@${connect.host}`]);
}
