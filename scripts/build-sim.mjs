// node scripts/build-sim.mjs [OUTDIR]: builds the look-alike `zfs` and `zpool` of test/sim-bin into dist/sim. Put that folder first in PATH and name a file
// for the simulated world in ZREPL_RUN_SIM_STATE. See test/sim-bin/README.md.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = process.argv[2] ?? `${root}dist/sim`;

mkdirSync(outdir, { recursive: true });
writeFileSync(`${outdir}/package.json`, '{ "type": "module" }\n'); // the programs have no file extension
for (const program of ["zfs", "zpool"]) {
  await build({
    entryPoints: [`${root}test/sim-bin/${program}.ts`],
    outfile: `${outdir}/${program}`,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node20",
    banner: { js: "#!/usr/bin/env node" },
    logLevel: "warning",
  });
  chmodSync(`${outdir}/${program}`, 0o755);
}
