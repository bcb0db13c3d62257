// Open-ended crash tests: `npm run test:soak -- --minutes N [--seed S]` on the simulated ZFS,
// `npm run test:soak -- --kills N [--seed S]` on real OpenZFS (as npm run test:zfs), in batches with new pools each.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const KILLS_PER_BATCH = 100;

const { values } = parseArgs({
  options: { minutes: { type: "string" }, kills: { type: "string" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
const totalKills = Number(values.kills ?? 0);

if (totalKills === 0) {
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--testTimeout", "0", "test/crash"];
  run(vitest, seed, { ZREPL_RUN_SOAK_MINUTES: values.minutes ?? "10" });
} else {
  for (let done = 0, batch = 0; done < totalKills && !process.exitCode; batch++) {
    const kills = Math.min(KILLS_PER_BATCH, totalKills - done);
    run(["scripts/test-zfs.mjs", "crash-kill"], seed + batch, { ZREPL_RUN_KILLS: String(kills) });
    if (!process.exitCode) done += kills;
    console.log(`${new Date().toISOString()} ${done} of ${totalKills} kills without a violation`);
  }
}

/** Runs one test with a seed, and sets the exit code. */
function run(command, batchSeed, env) {
  console.log(`seed ${batchSeed}`);
  const all = { ...process.env, ...env, ZREPL_RUN_SEED: String(batchSeed) };
  process.exitCode = spawnSync(process.execPath, command, { stdio: "inherit", env: all }).status ?? 1;
}
