/** Options that every command understands (design.md §3). */
export interface GlobalOptions {
  /** `-c`: the config file; undefined = look in the usual places. */
  readonly config: string | undefined;
  readonly dryRun: boolean;
  /** JSON Lines events on stdout. */
  readonly json: boolean;
  /** Of stderr; undefined = as the config says. */
  readonly logLevel: "debug" | "info" | "warn" | "error" | undefined;
  readonly logFormat: "human" | "logfmt" | "json" | undefined;
  readonly color: boolean;
  readonly quiet: boolean;
  /** Seconds to wait for a lock; 0 = don't. */
  readonly lockWait: number;
}
