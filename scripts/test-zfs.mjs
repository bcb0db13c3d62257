// Runs the tests of test/zfs on real OpenZFS: on this host, or in a guest. See test/guest/README.md.
//   node scripts/test-zfs.mjs [--build-guest] [vitest's options and file filters]
import { runWithZfs } from "./zfs-place.mjs";

const args = process.argv.slice(2).filter((arg) => arg !== "--build-guest");
const mayBuild = args.length < process.argv.length - 2 || process.env.ZREPL_RUN_BUILD_GUEST === "1";
const vitest = [process.execPath, "node_modules/vitest/vitest.mjs", "run", "--config", "test/zfs/vitest.config.ts"];

process.exitCode = await runWithZfs("test-zfs", [...vitest, ...args], { mayBuild });
