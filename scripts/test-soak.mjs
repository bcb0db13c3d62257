// Open-ended crash tests: `npm run test:soak -- --minutes N [--seed S]` on the simulated ZFS,
// `npm run test:soak -- --kills N [--seed S]` on real OpenZFS (as npm run test:zfs).
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { minutes: { type: "string" }, kills: { type: "string" }, seed: { type: "string" } },
});
const seed = values.seed ?? String(Date.now() % 1_000_000_000);
const env = { ...process.env, ZREPL_RUN_SEED: seed };
console.log(`seed ${seed}`);
const command =
  values.kills === undefined
    ? ["node_modules/vitest/vitest.mjs", "run", "--testTimeout", "0", "test/crash"]
    : ["scripts/test-zfs.mjs", "crash-kill"];
if (values.kills === undefined) env.ZREPL_RUN_SOAK_MINUTES = values.minutes ?? "10";
else env.ZREPL_RUN_KILLS = values.kills;
const { status } = spawnSync(process.execPath, command, { stdio: "inherit", env });
process.exitCode = status ?? 1;
