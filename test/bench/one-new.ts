/** One new snapshot on each filesystem: what a timer does most of the time. */
import { compare, type Row } from "./compare.ts";
import type { Benchmark, Context } from "./context.ts";
import { World } from "./world.ts";

export const oneNew: Benchmark = {
  name: "one-new",
  run: async (context) => {
    const rows: Row[] = [];
    for (const n of [20, 100]) if (n <= context.maxFilesystems) rows.push(await replicateNew(n, context));
    return rows;
  },
};

async function replicateNew(n: number, { rounds, peersFor }: Context): Promise<Row> {
  await using world = await World.create(n);
  const ours = { name: "zrepl-run", argv: world.zreplRun("push") };
  const others = world.peers(peersFor(n));
  await world.replicateFirst([{ name: "bare", argv: [] }, ours, ...others]);
  const floor = {
    name: "bare",
    get argv() {
      return world.bare("incremental");
    },
  };
  return await compare({
    work: "one new snapshot each, against one zfs send | zfs recv each",
    size: `${n} filesystems`,
    by: "wall",
    contenders: [floor, ours, ...others],
    rounds,
    beforeRound: () => world.advance(),
    pools: world.pools,
    dir: world.dir,
  });
}
