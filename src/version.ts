declare const ZREPL_RUN_VERSION: string | undefined;

/** From package.json, put in when the bundle is built. */
export const version = typeof ZREPL_RUN_VERSION === "string" ? ZREPL_RUN_VERSION : "unbuilt";
