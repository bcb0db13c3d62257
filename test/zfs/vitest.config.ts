import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// `npm run test:zfs`: the tests that need real OpenZFS and root. One at a time: they share one kernel.
// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/zfs/**/*.test.ts"],
    globalSetup: ["test/zfs/no-pool-left.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    reporters: [["verbose", { summary: false }]],
  },
});
