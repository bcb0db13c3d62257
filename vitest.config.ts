import { defineConfig } from "vitest/config";

// `npm test`: everything that needs nothing but Node. Real OpenZFS: see scripts/test-zfs.mjs.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/zfs/**", "node_modules/**"],
    testTimeout: 60_000,
    maxWorkers: "100%", // the default leaves one core idle, which is half of two
  },
});
