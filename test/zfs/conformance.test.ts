import { appendFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { type Disagreement, runSequence } from "../sim/conformance/compare.ts";
import { RealZfs } from "../sim/conformance/real.ts";
import { SimulatedZfs } from "../sim/conformance/simulated.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { type TestPool, trackPools } from "./pool.ts";

/** Sequences, operations in each, first seed; seeds are printed with every disagreement. */
const SEQUENCES = Number(process.env["ZREPL_RUN_CONFORMANCE_SEQUENCES"] ?? 60);
const LENGTH = Number(process.env["ZREPL_RUN_CONFORMANCE_LENGTH"] ?? 25);
const SEED = Number(process.env["ZREPL_RUN_CONFORMANCE_SEED"] ?? 1);
/** How many disagreements to collect before giving up. */
const MAX_DISAGREEMENTS = Number(process.env["ZREPL_RUN_CONFORMANCE_MAX"] ?? 5);

/** A file that grows by one line per operation, for when the kernel hangs. */
const TRACE = process.env["ZREPL_RUN_CONFORMANCE_TRACE"];

function trace(line: string): void {
  if (TRACE !== undefined) appendFileSync(TRACE, `${line}\n`);
}

const newPool = trackPools();

/** The same pool for the simulator. */
function simulatePool(sim: ZfsSimulator, pool: TestPool): void {
  sim.exec(["zpool", "create", "-O", `mountpoint=${pool.mountpoint}`, "-O", "atime=off", pool.name, "file"]);
}

async function sequence(seed: number): Promise<Disagreement[]> {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), `zrtest-${process.pid}-`));
  const pools = await Promise.all(
    [0, 1].map(() => newPool({ mountpoint: true, sizeMiB: 256, args: ["-O", "atime=off"] })),
  );
  const [source, target] = pools;
  if (source === undefined || target === undefined) throw new Error("no pools");
  const keyFile = join(dir, "key");
  writeFileSync(keyFile, "a passphrase\n");
  const sim = new ZfsSimulator({ seed, nowSec: Math.floor(Date.now() / 1000) });
  for (const pool of pools) simulatePool(sim, pool);
  const mountpointOf = (fs: string): string => {
    const pool = pools.find((candidate) => fs === candidate.name || fs.startsWith(`${candidate.name}/`));
    return `${pool?.mountpoint}${fs.slice(pool?.name.length)}`;
  };
  const names = { source: source.name, target: target.name, keyFile, withEncryption: seed % 4 === 0 };
  const poolNames = [source.name, target.name];
  const real = new RealZfs(dir, poolNames, mountpointOf);
  try {
    return await runSequence(real, new SimulatedZfs(sim, poolNames), new Random(seed), names, LENGTH, trace);
  } finally {
    real.close();
    await Promise.all(pools.map((pool) => pool.destroy()));
    rmSync(dir, { recursive: true });
  }
}

test("the simulated ZFS says and does what OpenZFS says and does", async () => {
  const found: string[] = [];
  const startMs = Date.now();
  let ran = 0;
  for (let seed = SEED; seed < SEED + SEQUENCES && found.length < MAX_DISAGREEMENTS; seed++) {
    trace(`seed ${seed}, ${found.length} found`);
    const disagreements = await sequence(seed);
    ran += 1;
    for (const { operations, differences } of disagreements)
      found.push(`seed ${seed}\n  ${operations.join("\n  ")}\n  => ${differences.join("\n  => ")}`);
  }
  console.log(
    `${ran} sequences of ${LENGTH} operations, seeds from ${SEED}, ${Math.round((Date.now() - startMs) / 1000)} s`,
  );
  expect(found.join("\n\n")).toBe("");
}, 3_600_000);
