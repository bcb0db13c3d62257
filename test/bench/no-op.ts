/** Nothing to do: what a run costs that finds both sides alike. */
import { buildListArgv } from "../../src/zfs/argv.ts";
import { compare, type Row } from "./compare.ts";
import type { Benchmark, Context } from "./context.ts";
import { World } from "./world.ts";

export const noOp: Benchmark = {
  name: "no-op",
  run: async (context) => {
    const rows: Row[] = [];
    for (const n of [1, 20, 100, 1000]) if (n <= context.maxFilesystems) rows.push(await idle(n, context));
    return rows;
  },
};

async function idle(n: number, { rounds, peersFor }: Context): Promise<Row> {
  await using world = await World.create(n);
  const lists = [world.source, `${world.dst.name}/sink`].map((root) => buildListArgv({ roots: [root] }).join(" "));
  const floor = { name: "bare", argv: ["bash", "-e", "-c", [...lists, "node -e 0"].join("\n")] };
  const ours = { name: "zrepl-run", argv: world.zreplRun("push") };
  const others = world.peers(peersFor(n));
  await world.replicateFirst([ours, ...others]);
  return await compare({
    work: "nothing to do, against listing both sides and starting Node",
    size: `${n} filesystems`,
    by: "wall",
    contenders: [floor, ours, ...others],
    rounds,
    pools: world.pools,
    dir: world.dir,
  });
}
