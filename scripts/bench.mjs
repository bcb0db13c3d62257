// npm run bench: the benchmarks of test/bench on real OpenZFS: on this host, or in a guest (test/guest/README.md).
//   npm run bench -- [--build-guest] [--only NAME]... [--rounds N] [--quick] [--peers FILE] [--machine TEXT]
import { build } from "esbuild";
import { root, runWithZfs } from "./zfs-place.mjs";

const args = process.argv.slice(2).filter((arg) => arg !== "--build-guest");
const mayBuild = args.length < process.argv.length - 2;
const outfile = `${root}/node_modules/.cache/bench/main.mjs`;

await build({
  entryPoints: [`${root}/test/bench/main.ts`],
  outfile,
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
});
process.exitCode = await runWithZfs("bench", [process.execPath, outfile, ...args], { mayBuild, timeLimitSec: 14_400 });
