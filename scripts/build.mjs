// Bundles src/cli.ts into dist/cli.js: one file, run-time dependencies included, heavy parts behind import().
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

await build({
  entryPoints: ["src/cli.ts"],
  outfile: "dist/cli.js",
  bundle: true,
  minify: true,
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "external",
  define: { ZREPL_RUN_VERSION: JSON.stringify(version) },
  // proper-lockfile and parts of yargs are CommonJS and call require()
  banner: { js: 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);' },
  logLevel: "warning",
});
