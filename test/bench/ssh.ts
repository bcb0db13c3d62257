/** The same over ssh on loopback; and over a link with 50 ms round trips, against the same link without. */
import { fileURLToPath } from "node:url";
import { type SshHost, startSshHost } from "../zfs/ssh-host.ts";
import { type Contender, compare, type Row } from "./compare.ts";
import type { Benchmark, Context } from "./context.ts";
import { fillIn } from "./peers.ts";
import { PROGRAM, World } from "./world.ts";

const CLIENT = "client";
const SERVE = { type: "stdinserver", client_identities: [CLIENT] };
const DELAY_PROXY = fileURLToPath(new URL("../../../test/bench/delay-proxy.mjs", import.meta.url));
const ROUND_TRIP_MS = 50;

export const ssh: Benchmark = {
  name: "ssh",
  run: async (context) => {
    const rows: Row[] = [];
    for (const n of [20, 100]) if (n <= context.maxFilesystems) rows.push(await replicateNew(n, context));
    return rows;
  },
};

function replicateNew(n: number, { rounds, peersFor }: Context): Promise<Row> {
  return withHosts(n, async ({ world, forced, open }) => {
    const login = ["-p", String(open.port), "-i", open.keyOf(CLIENT), "-o", `UserKnownHostsFile=${open.knownHosts}`];
    const bare = {
      name: "bare",
      get argv() {
        return world.bare("incremental", ["ssh", ...login, "root@127.0.0.1"].join(" "));
      },
    };
    const ours = { name: "zrepl-run", argv: world.zreplRun("push", overSsh(forced)) };
    const others = peersFor(n).flatMap(({ name, ssh: words = [] }) => {
      const values = { source: world.source, target: world.targetOf(name), key: open.keyOf(CLIENT) };
      const where = { port: String(open.port), known_hosts: open.knownHosts };
      return words.length === 0 ? [] : [{ name, argv: fillIn(words, { ...values, ...where }) }];
    });
    await world.replicateFirst([bare, ours, ...others]);
    return await compare({
      work: "one new snapshot each over ssh, against one zfs send | ssh zfs recv each",
      size: `${n} filesystems`,
      by: "wall",
      contenders: [bare, ours, ...others],
      rounds,
      beforeRound: () => world.advance(),
      pools: world.pools,
      dir: world.dir,
    });
  });
}

export const latency: Benchmark = {
  name: "latency",
  run: ({ rounds, maxFilesystems }) =>
    withHosts(Math.min(100, maxFilesystems), async ({ world, forced }) => {
      const contender = (name: string, roundTripMs: number, steps: number): Contender => ({
        name,
        argv: world.zreplRun("push", overSsh(forced, roundTripMs, { concurrency: { steps } })),
        prepare: () => world.advance(),
      });
      await world.replicateFirst([{ ...contender("zrepl-run", 0, 1) }]);
      const rows: Row[] = [];
      for (const steps of [1, 8]) {
        const contenders = [contender("no delay", 0, steps), contender(`${ROUND_TRIP_MS} ms`, ROUND_TRIP_MS, steps)];
        const link = `a link with ${ROUND_TRIP_MS} ms round trips, against the link without`;
        const work = `one new snapshot each over ${link}, concurrency.steps ${steps}`;
        rows.push(
          await compare({ work, size: `${world.filesystems.length} filesystems`, by: "wall", contenders, rounds }),
        );
      }
      return rows;
    }),
};

interface Hosts {
  readonly world: World;
  /** Its key may only start zrepl-run. */
  readonly forced: SshHost;
  /** Its key may run everything, as others need it. */
  readonly open: SshHost;
}

async function withHosts<T>(n: number, body: (hosts: Hosts) => Promise<T>): Promise<T> {
  await using world = await World.create(n);
  const config = world.config([world.sinkJob({ serve: SERVE })]);
  const client = [{ identity: CLIENT, config }];
  const command = `${process.execPath} ${PROGRAM} -c ${config} stdinserver ${CLIENT}`;
  const forced = await startSshHost(world.dir, client, { command });
  const open = await startSshHost(world.dir, client, { command: 'eval \\"$SSH_ORIGINAL_COMMAND\\"' });
  try {
    return await body({ world, forced, open });
  } finally {
    await forced.stop();
    await open.stop();
  }
}

/** The keys of a config that pushes over ssh; with `roundTripMs` through a proxy that delays every byte. */
function overSsh(host: SshHost, roundTripMs?: number, replication: object = {}) {
  const { options = [], ...connect } = host.connect(CLIENT) as { readonly options?: readonly string[] };
  const proxy = `ProxyCommand=${process.execPath} ${DELAY_PROXY} ${host.port} ${(roundTripMs ?? 0) / 2}`;
  const link = roundTripMs === undefined ? options : [...options, proxy];
  return { push: { connect: { ...connect, options: link }, replication }, sink: { serve: SERVE } };
}
