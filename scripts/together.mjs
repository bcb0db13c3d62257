// One chunk for the many small files that commands share. esbuild makes a chunk for every set of commands that share
// something: sixty files for a push, and opening, finding and linking each costs more than compiling what is in it.
import { join, relative } from "node:path";

/** Larger shared files stay by themselves: not every command has a use for them. */
const MAX_BYTES = 3000;
/** What Node has loaded anyway before it runs us. */
const LOADED = /^node:(buffer|events|fs|fs\/promises|path|timers|url|util)$/;

/** The small shared files of a bundle that import nothing but each other, by esbuild's account of it. */
export function smallShared({ inputs, outputs }) {
  const shared = Object.values(outputs).filter(({ entryPoint }) => entryPoint === undefined);
  const sizes = shared.flatMap((output) => Object.entries(output.inputs));
  const small = new Set(
    sizes
      .filter(([path, { bytesInOutput }]) => path.startsWith("src/") && bytesInOutput <= MAX_BYTES)
      .map(([path]) => path),
  );
  const fits = ({ path, kind, external }) =>
    kind !== "import-statement" || (external ? LOADED.test(path) : small.has(path));
  for (let before = -1; before !== small.size; ) {
    before = small.size;
    for (const path of small) if (!inputs[path].imports.every(fits)) small.delete(path);
  }
  return [...small];
}

/** The plugin for esbuild: whatever is import()ed imports all these too, so that all that is import()ed shares them. */
export function together(paths) {
  const root = process.cwd();
  const imports = paths.map((path) => `import "./${path}";\n`).join("");
  return {
    name: "together",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) =>
        kind === "dynamic-import" && resolveDir.startsWith(`${root}/src`)
          ? { path: relative(root, join(resolveDir, path)), namespace: "together" }
          : undefined,
      );
      onLoad({ filter: /./, namespace: "together" }, ({ path }) => ({
        contents: `${imports}export * from "./${path}";`,
        resolveDir: root,
      }));
    },
  };
}
