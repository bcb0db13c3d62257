// Bundles src/cli.ts into dist/: cli.js and chunks that it import()s when a command needs them, run-time dependencies
// included. The licences of what is inside go beside it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";
import { slim } from "./slim.mjs";
import { smallShared, together } from "./together.mjs";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

mkdirSync("dist", { recursive: true });
for (const name of readdirSync("dist")) if (name.endsWith(".js")) rmSync(`dist/${name}`);
const options = {
  entryPoints: ["src/cli.ts"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  minify: true,
  metafile: true,
  platform: "node",
  format: "esm",
  target: "node20",
  legalComments: "none",
  define: { ZREPL_RUN_VERSION: JSON.stringify(version) },
  write: false,
  logLevel: "warning",
};
const apart = await build({ ...options, plugins: [slim] });
const { outputFiles } = await build({
  ...options,
  plugins: [slim, together(smallShared(apart.metafile))],
});
// proper-lockfile and prom-client are CommonJS and call require(), which one chunk of esbuild's own hands to all; it does
// nothing by itself, so who wants nothing of it need not load it
const REQUIRE = 'import{createRequire as __cr}from"node:module";const require=__cr(import.meta.url);\n';
const isHelpers = ({ text }) => text.includes("typeof require");
const helpers = basename(outputFiles.find(isHelpers).path);
for (const file of outputFiles)
  writeFileSync(file.path, isHelpers(file) ? REQUIRE + file.text : file.text.replace(`import"./${helpers}";`, ""));
writeFileSync("dist/THIRD_PARTY_LICENSES.txt", thirdPartyLicences(Object.keys(apart.metafile.inputs)));

/** Name, version and licence text of every package that a bundled file came from. */
function thirdPartyLicences(inputs) {
  const folders = new Set(inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const texts = [...folders].sort().map((folder) => {
    const { name, version: packageVersion, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file === undefined ? "" : `\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
    return `${name} ${packageVersion}: ${license}\n${text}`;
  });
  return texts.join(`\n${"-".repeat(80)}\n`);
}
