/**
 * Listing, comparing and planning two sides that are alike, from a `zfs` that only prints a file, so that nothing but
 * zrepl-run is measured; against reading the same files.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, type Row } from "./compare.ts";
import type { Benchmark } from "./context.ts";
import { type ListingSize, writeListing } from "./listing.ts";
import { PROGRAM } from "./world.ts";

/** What any program in Node would have to do: read both, find lines, and the fields in them. */
const SPLIT = `import { createReadStream } from "node:fs";
let fields = 0;
const [what, ...files] = process.argv.slice(2);
for (const file of files) {
  let rest = "";
  for await (const chunk of createReadStream(file, { encoding: "latin1", highWaterMark: 65536 })) {
    const lines = (rest + chunk).split("\\n");
    rest = lines.pop();
    if (what === "lines") fields += lines.length;
    else for (const line of lines) fields += line.split("\\t").length;
  }
}
if (fields === 0) process.exit(1);
`;

export const planning: Benchmark = {
  name: "planning",
  run: async ({ rounds, quick }) => {
    const rows: Row[] = [];
    for (const filesystems of quick ? [100, 1000] : [100, 1000, 10_000])
      rows.push(await plan({ filesystems, snapshots: 100 }, rounds));
    return rows;
  },
};

async function plan(size: ListingSize, rounds: number): Promise<Row> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const [sender, receiver] = [join(dir, "sender"), join(dir, "receiver")];
    writeListing(sender, "tank/data", size);
    writeListing(receiver, "backup/sink/client/tank/data", size);
    const script = join(dir, "split.mjs");
    writeFileSync(script, SPLIT);
    const bin = join(dir, "bin");
    mkdirSync(bin);
    writeFileSync(
      join(bin, "zfs"),
      `#!/bin/sh\ncase "$*" in *backup/sink*) cat '${receiver}';; *) cat '${sender}';; esac\n`,
    );
    chmodSync(join(bin, "zfs"), 0o755);
    const env = { PATH: `${bin}:${process.env["PATH"]}` };
    return await compare({
      work: "planning (CPU time), against splitting both listings into fields in Node",
      size: `${size.filesystems * size.snapshots} snapshots on each side, ${size.filesystems} filesystems`,
      by: "cpu",
      contenders: [
        { name: "fields in Node", argv: [process.execPath, script, "fields", sender, receiver] },
        { name: "lines in Node", argv: [process.execPath, script, "lines", sender, receiver] },
        { name: "wc -l", argv: ["wc", "-l", sender, receiver] },
        { name: "zrepl-run", argv: [process.execPath, PROGRAM, "--quiet", "-c", config(dir), "push", "push"], env },
      ],
      rounds,
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function config(dir: string): string {
  const file = join(dir, "config.yml");
  const keep = [{ type: "last_n", count: 1 }];
  const protection = { initial: "guarantee_nothing", incremental: "guarantee_nothing" };
  const push = {
    type: "push",
    name: "push",
    connect: { type: "local", listener_name: "here", client_identity: "client" },
    filesystems: { "tank/data<": true, "tank/data": false },
    snapshotting: { type: "manual" },
    pruning: { keep_sender: keep, keep_receiver: keep },
    replication: { protection }, // the listings have no cursors: there is nothing to heal
  };
  const serve = { type: "local", listener_name: "here" };
  const sink = { type: "sink", name: "sink", root_fs: "backup/sink", serve };
  writeFileSync(file, JSON.stringify({ global: { lock_dir: join(dir, "locks") }, jobs: [push, sink] }));
  return file;
}
