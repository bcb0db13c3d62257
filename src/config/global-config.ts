/** The settings of all jobs together: see config.ts. */

/** Where log lines go: an entry of `global.logging` (§2.13). */
export type LogOutlet = {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "human" | "logfmt" | "json";
} & (StderrOutlet | SyslogOutlet | TcpOutlet);

/** zrepl's `stdout`; here stdout is for results. */
export interface StderrOutlet {
  readonly type: "stdout";
  /** Whether lines start with the time, where that is not a terminal. */
  readonly time: boolean;
  /** Whether to use colour on a terminal. */
  readonly color: boolean;
}

export interface SyslogOutlet {
  readonly type: "syslog";
  readonly facility: string;
  readonly retrySec: number;
}

export interface TcpOutlet {
  readonly type: "tcp";
  /** `host:port`. */
  readonly address: string;
  readonly net: string;
  readonly retrySec: number;
  /** Paths of PEM files; absent = no tls. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** Extension: whom to tell how a run went. */
export type Notification = {
  readonly timeoutSec: number;
  /** Empty = all. */
  readonly jobs: readonly string[];
  readonly commands: readonly string[];
} & (
  | { readonly type: "command"; readonly command: readonly string[]; readonly when: "always" | "failure" }
  | { readonly type: "http"; readonly start?: string; readonly success?: string; readonly failure?: string }
);

export interface GlobalConfig {
  /** Directory of the lock files; created 0700. */
  readonly lockDir: string;
  /** Where a zrepl daemon would answer; the loader always sets it. */
  readonly controlSocket?: string;
  /** What the config says about logging; the loader always sets it. */
  readonly logging?: readonly LogOutlet[];
  /** Extension: where to write metrics after every run. */
  readonly metrics?: { readonly textfileDir: string };
  readonly notify?: readonly Notification[];
}
