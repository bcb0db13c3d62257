// What libraries load at every start and we never use: stand-ins for the bundle, each with its reason.

const YARGS = {
  // its help is in ASCII; an Intl.Segmenter and a table of all emoji cost 40 ms. What draws names of filesystems gets the real one
  "string-width": "export default (text) => text.length;",
  "strip-ansi": "export default (text) => text;",
  "ansi-styles": "export default { codes: new Map() };",
  // what it throws is only caught again
  assert: `export function strictEqual(a, b) { if (a !== b) throw new Error("not equal"); }
export function notStrictEqual(a, b) { if (a === b) throw new Error("equal"); }`,
  // looks for a package.json in the working folder and above, to guess a version that we say
  "escalade/sync": "export default () => undefined;",
  // checks the arguments of its own functions, which types do for us
  "./argsert.js": "export function argsert() {}",
  // translations are not in the bundle
  y18n: `import { format } from "node:util";
const __n = (one, many, count, ...values) => format(count === 1 ? one : many, ...values);
export default () => ({ __: format, __n, getLocale: () => "en", setLocale() {}, updateLocale() {} });`,
};

const EXECA = {
  // how programs are found on Windows
  "cross-spawn": "export default { _parse: (command, args, options) => ({ command, args, options }) };",
  // for its own messages, which nobody sees
  "human-signals": `import { constants } from "node:os";
const all = Object.keys(constants.signals).map((name) => [name, { description: name }]);
export const signalsByName = Object.fromEntries(all);`,
  // for its option \`verbose\`
  figures: "export default { tick: '', cross: '', warning: '' };",
  "pretty-ms": "export default String;",
};

/** Importing node:process reads all that it has, with stdin and a table of all options; the global is the same object. */
const ANY = {
  "node:process":
    "export default process; export const { argv, env, execArgv, execPath, hrtime, platform, version } = process;",
};

const STAND_INS = [
  { importers: /node_modules\/(yargs|cliui|wrap-ansi)\//, modules: YARGS },
  { importers: /node_modules\/execa\//, modules: EXECA },
  { importers: /./, modules: ANY },
];

/** The plugin for esbuild. */
export const slim = {
  name: "slim",
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /./ }, ({ path, importer }) => {
      const found = STAND_INS.find(
        ({ importers, modules }) => importers.test(importer) && Object.hasOwn(modules, path),
      );
      return found && { path, namespace: "slim", pluginData: found.modules[path] };
    });
    onLoad({ filter: /./, namespace: "slim" }, ({ pluginData }) => ({ contents: pluginData, resolveDir: "." }));
    // made of modules, while the edition for Node is CommonJS: compiled and run function by function
    onResolve({ filter: /^yaml$/ }, ({ kind }) =>
      resolve("./node_modules/yaml/browser/dist/index.js", { resolveDir: process.cwd(), kind }),
    );
  },
};
