import { ConfigError } from "../errors.ts";
import type { RawConfig, RawJob } from "../generated/raw-config.ts";
import type { FormattedText } from "./coerce.ts";
import type { Config } from "./config.ts";
import { checkLocalConnections, checkNames, type PlacedJob } from "./cross-checks.ts";
import { loadPatternCompiler } from "./grammar/pattern.ts";
import { checkGrammars } from "./grammars.ts";
import { includedFiles } from "./include.ts";
import { type LoadedFile, loadText } from "./loaded-file.ts";
import { diskFiles, type Files, locateConfig, readConfigFile } from "./locate.ts";
import { Site } from "./site.ts";
import { toGlobal } from "./to-global.ts";
import { toJob } from "./to-jobs.ts";

export interface LoadOptions {
  /** `-c`; a relative path starts at `cwd`. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly files?: Files;
  /** Also check the certificates of tls connections, as of this time; absent = don't. */
  readonly certificatesAtMs?: number | undefined;
}

/** A config with the document that it was made of: all files in one, defaults filled in. */
export interface LoadedConfig {
  readonly config: Config;
  readonly effective: RawConfig;
  /** Adds a warning at a key of a job. */
  readonly warn: (job: string, key: readonly (string | number)[], text: string) => void;
}

/**
 * The checked config.
 * @throws {ConfigError} with all problems of all files at once, each as `FILE:LINE:COL: PATH: what is wrong`
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  return (await loadConfigDocument(options)).config;
}

/** The same, with the document for `configcheck --format`. @throws {ConfigError} like `loadConfig` */
export async function loadConfigDocument(options: LoadOptions): Promise<LoadedConfig> {
  const { file, env, cwd = process.cwd(), uid = process.getuid?.() ?? 0, files = diskFiles } = options;
  const path = await locateConfig({ file, env, cwd }, files);
  const main = loadText(path, await readConfigFile(path, files));
  const all = [main, ...(await loadIncluded(main, files))];
  const compile = await loadPatternCompiler(all.flatMap(({ texts }) => texts.flatMap(regexOf)));
  for (const { source, texts } of all) checkGrammars(texts, compile, source);

  const warnings = all.flatMap(({ source: { ignored } }) =>
    ignored === undefined ? [] : [`${ignored}: only the first YAML document of a file counts; this one is ignored`],
  );
  const siteOf = ({ source }: LoadedFile, ...segments: (string | number)[]) =>
    new Site(source, "", compile, warnings).at(...segments);
  const placed = all.flatMap((loaded) => jobsOf(loaded).map((raw, i) => ({ raw, site: siteOf(loaded, "jobs", i) })));
  const jobs = placed.filter(isSound).map(({ raw, site }) => toJob(raw, site));
  const global = siteOf(main, "global");
  const settings =
    main.value.global && global.isSound() ? toGlobal(main.value.global, global, { env, uid }) : undefined;
  checkNames(placed);
  checkLocalConnections(placed);
  if (options.certificatesAtMs !== undefined) {
    const { checkCertificates } = await import("./certificates.ts");
    await checkCertificates(placed, files, options.certificatesAtMs);
  }
  throwProblems(all);
  if (settings === undefined) throw new Error("no global settings, yet no problem either");
  const effective = { jobs: placed.map(({ raw }) => raw as RawJob), global: main.value.global, include: [] };
  const warn: LoadedConfig["warn"] = (name, key, text) => {
    const { site } = placed[jobs.findIndex((job) => job.name === name)] ?? {};
    site?.at(...key).warn(text);
  };
  return { config: { file: path, jobs, global: settings, warnings }, effective: effective as RawConfig, warn };
}

async function loadIncluded(main: LoadedFile, files: Files): Promise<LoadedFile[]> {
  const entries = main.source.isSound("/include") ? (main.value.include ?? []) : [];
  const loaded: LoadedFile[] = [];
  for (const { path, pointer } of await includedFiles(entries, main.source, files)) {
    const file = await loadIncludedFile(path, files);
    if (file instanceof ConfigError) main.source.problem(pointer, file.message);
    else loaded.push(file);
  }
  return loaded;
}

async function loadIncludedFile(path: string, files: Files): Promise<LoadedFile | ConfigError> {
  try {
    const loaded = loadText(path, await readConfigFile(path, files));
    const nested = loaded.value.include;
    if (Array.isArray(nested) && nested.length > 0)
      loaded.source.problem("/include", "included configuration files must not include other files");
    return loaded;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function regexOf({ format, text }: FormattedText): string[] {
  return format === "re2" ? [text] : [];
}

/** The jobs of a file, in whatever shape they are. */
function jobsOf({ value }: LoadedFile): unknown[] {
  return Array.isArray(value.jobs) ? value.jobs : [];
}

function isSound(job: PlacedJob): job is PlacedJob & { readonly raw: RawJob } {
  return job.site.isSound();
}

function throwProblems(all: readonly LoadedFile[]): void {
  const problems = all.flatMap(({ source }) => source.problems.toSorted((a, b) => a.offset - b.offset));
  if (problems.length > 0) throw new ConfigError(problems.map(({ text }) => text));
}
