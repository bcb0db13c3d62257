/** Pruning many snapshots of many filesystems, against one `zfs destroy` for each filesystem. */
import { zfs } from "../zfs/pool.ts";
import { compare } from "./compare.ts";
import type { Benchmark } from "./context.ts";
import { World } from "./world.ts";

export const prune: Benchmark = {
  name: "prune",
  run: async ({ rounds, quick, maxFilesystems }) => {
    const [n, snapshots] = [Math.min(100, maxFilesystems), quick ? 5 : 20];
    await using world = await World.create(n);
    const ours = world.zreplRun("push");
    await world.replicateFirst([{ name: "zrepl-run", argv: ours }]);
    const grow = async () => {
      for (let i = 0; i < snapshots; i++)
        await zfs("snapshot", ...world.filesystems.map((name) => `${world.source}/${name}@old${i}`));
    };
    const script = world.filesystems.map((name) => `zfs destroy ${world.source}/${name}@old0%old${snapshots - 1}`);
    const argv = world.zreplRun("prune");
    const row = await compare({
      work: "prune, against one zfs destroy for each filesystem",
      size: `${snapshots} snapshots on each of ${n} filesystems`,
      by: "wall",
      contenders: [
        { name: "bare", argv: ["bash", "-e", "-c", script.join("\n")], prepare: grow },
        { name: "zrepl-run", argv: [...argv.slice(0, -1), "--side", "sender", "push"], prepare: grow },
      ],
      rounds,
      pools: world.pools,
      dir: world.dir,
    });
    return [row];
  },
};
