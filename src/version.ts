declare const ZREPL_RUN_VERSION: string | undefined;

/** From package.json, put in when the bundle is built. */
export const version = typeof ZREPL_RUN_VERSION === "string" ? ZREPL_RUN_VERSION : "unbuilt";

/** What `zrepl-run version` prints. */
export function versionText(): string {
  return `zrepl-run version=${version} node=${process.version} platform=${process.platform}-${process.arch}\n`;
}
