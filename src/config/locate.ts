import { readdir, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError, NoConfigError } from "../errors.ts";

/** Where the config is looked for when neither `-c` nor $ZREPL_RUN_CONFIG names one; the first that exists wins. */
export const DEFAULT_FILES = [
  "/etc/zrepl-run/zrepl-run.yml",
  "/etc/zrepl/zrepl.yml",
  "/usr/local/etc/zrepl/zrepl.yml",
] as const;

export type FileKind = "file" | "directory" | "other" | "absent";

/** The file system as the loader sees it; tests pass their own. Paths are absolute. */
export interface Files {
  kind(path: string): Promise<FileKind>;
  read(path: string): Promise<string>;
  /** Names in a directory. */
  list(path: string): Promise<string[]>;
}

export const diskFiles: Files = {
  kind: async (path) => {
    try {
      const found = await stat(path);
      return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    } catch (error) {
      if (isMissing(error)) return "absent";
      throw error;
    }
  },
  read: (path) => readFile(path, "utf8"),
  list: (path) => readdir(path),
};

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
}

export interface ConfigPlace {
  /** `-c`. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * Absolute path of the config file: `-c`, else $ZREPL_RUN_CONFIG, else the first default that exists.
 * @throws {ConfigError} when there is none, saying where was looked
 */
export async function locateConfig({ file, env, cwd }: ConfigPlace, files: Files): Promise<string> {
  const named = file ?? (env["ZREPL_RUN_CONFIG"] || undefined);
  if (named !== undefined) return resolve(cwd, named);
  for (const candidate of DEFAULT_FILES) {
    const kind = await kindOf(candidate, files);
    if (kind === "file") return candidate;
    if (kind !== "absent") throw new ConfigError([`${candidate}: is not a regular file`]);
  }
  throw new NoConfigError([`no config file; looked for ${DEFAULT_FILES.join(", ")}`], {
    hint: "name one with --config FILE or $ZREPL_RUN_CONFIG",
  });
}

/**
 * Text of a config file.
 * @throws {ConfigError} when it can't be read
 */
export async function readConfigFile(path: string, files: Files): Promise<string> {
  try {
    return await files.read(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The kind of a path; @throws {ConfigError} when even that can't be found out. */
export async function kindOf(path: string, files: Files): Promise<FileKind> {
  try {
    return await files.kind(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ConfigError {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    ENOTDIR: "no such file",
    EACCES: "permission denied",
    EISDIR: "is a directory",
  };
  return new ConfigError([`${path}: cannot read config: ${reasons[code ?? ""] ?? message}`], { cause: error });
}
