/** One large filesystem: throughput, and what Node itself costs, also with a bandwidth limit. */
import { execa } from "execa";
import { zfs } from "../zfs/pool.ts";
import { compare } from "./compare.ts";
import type { Benchmark } from "./context.ts";
import { World } from "./world.ts";

const LIMIT_MIB = 100;

export const bulk: Benchmark = {
  name: "bulk",
  run: async ({ rounds, bulkMib, peersFor }) => {
    await using world = await World.create(1, bulkMib * 3 + 512);
    const file = `${world.src.mountpoint}/data/fs0/large`;
    await execa("dd", ["if=/dev/urandom", `of=${file}`, "bs=1M", `count=${bulkMib}`, "status=none"]);
    await world.advance();
    const target = async (name: string) => {
      await destroyAll(world.targetOf(name));
      await zfs("create", "-o", "mountpoint=none", world.targetOf(name));
    };
    const ours = async () => {
      await destroyAll(`${world.dst.name}/sink/client`);
      // what the run before left would only have to be cleaned up
      const bookmarks = (await zfs("list", "-Ho", "name", "-t", "bookmark", "-r", world.source)).split("\n");
      for (const bookmark of bookmarks) if (bookmark !== "") await zfs("destroy", bookmark);
    };
    const limit = { send: { bandwidth_limit: { max: `${LIMIT_MIB} MiB` } } };
    const others = world.peers(peersFor(1)).map((peer) => ({ ...peer, prepare: () => target(peer.name) }));
    const contenders = [
      { name: "bare", argv: world.bare("full"), prepare: () => target("bare") },
      { name: "zrepl-run", argv: world.zreplRun("push"), prepare: ours },
      {
        name: `zrepl-run, limited to ${LIMIT_MIB} MiB/s`,
        argv: world.zreplRun("push", { push: limit }),
        prepare: ours,
      },
      ...others,
    ];
    const work = "a full send, against zfs send | zfs recv in a shell";
    return [await compare({ work, size: `${bulkMib} MiB`, by: "wall", contenders, rounds })];
  },
};

/** Also what our holds protect. */
async function destroyAll(name: string): Promise<void> {
  if ((await execa("zfs", ["list", name], { reject: false })).exitCode !== 0) return;
  const snapshots = (await zfs("list", "-Ho", "name", "-t", "snapshot", "-r", name)).split("\n");
  for (const snapshot of snapshots)
    for (const line of (await zfs("holds", "-H", snapshot)).split("\n")) {
      const [, tag] = line.split("\t");
      if (tag !== undefined) await zfs("release", tag, snapshot);
    }
  await zfs("destroy", "-r", name);
}
