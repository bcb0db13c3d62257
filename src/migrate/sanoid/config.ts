/** `migrate config --from sanoid`: a sanoid.conf, and syncoid commands, as a config of ours. Pure. */
import { readSanoidConf } from "./conf.ts";
import { replicationLines } from "./push-jobs.ts";
import { snapJobLines } from "./snap-jobs.ts";
import { parseSyncoid } from "./syncoid.ts";

/** The text of a zrepl-run.yml. @throws {UsageError} for what can't be read */
export function migrateSanoid(conf: string, file: string, commands: readonly string[]): string {
  const taken = new Set<string>();
  const names = (wanted: string) => {
    const base = wanted.replaceAll(/[^\w.:-]/g, "_").replace(/^_+/, "") || "job";
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    return name;
  };
  const snaps = snapJobLines(readSanoidConf(conf, file), names);
  const replications = commands.flatMap((command) => replicationLines(parseSyncoid(command), names));
  const lines = [
    `# Made by zrepl-run migrate config --from sanoid ${file}`,
    "# Read it, then: zrepl-run configcheck, zrepl-run run --dry-run --all. Stop sanoid's and syncoid's timers before it runs.",
    "jobs:",
    ...snaps,
    ...replications,
  ];
  if (taken.size === 0) lines.splice(2, 1, "jobs: []");
  return `${lines.join("\n").trimEnd()}\n`;
}
