/** A syncoid command line: what it replicates where, and how. Pure. */
import { UsageError } from "../../errors.ts";

export interface Place {
  readonly user: string | undefined;
  /** undefined = this host. */
  readonly host: string | undefined;
  readonly dataset: string;
}

export interface SyncoidCommand {
  readonly source: Place;
  readonly target: Place;
  readonly recursive: boolean;
  readonly skipParent: boolean;
  readonly excludes: readonly string[];
  readonly port: number;
  readonly key: string | undefined;
  /** Letters of `zfs send`. */
  readonly sendLetters: ReadonlySet<string>;
  readonly properties: boolean;
  /** Per second, as our config has it. */
  readonly sourceLimit: string | undefined;
  readonly targetLimit: string | undefined;
  /** Options without a counterpart. */
  readonly unsupported: readonly string[];
}

/** Options that say what zrepl-run does anyway, or that concern syncoid's own ways. */
const POINTLESS = new Set(
  "no-sync-snap quiet debug no-resume no-command-checks no-privilege-elevation no-clone-handling monitor-version".split(
    " ",
  ),
);
/** Options with a value that have no counterpart. */
const VALUED = new Set(
  "compress identifier mbuffer-size pv-options recvoptions sshcipher sshoption sshconfig include-snaps exclude-snaps insecure-direct-connection max-delay-seconds".split(
    " ",
  ),
);

/** @throws {UsageError} */
export function parseSyncoid(line: string): SyncoidCommand {
  const words = wordsOf(line);
  if (/(^|\/)syncoid$/.test(words[0] ?? "")) words.shift();
  const places: string[] = [];
  const values = new Map<string, string[]>();
  const unsupported: string[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith("-")) {
      places.push(word);
      continue;
    }
    const [, long, inline] = /^--?([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const name = long === "r" ? "recursive" : (long ?? word);
    const takesValue = VALUED.has(name) || MAPPED_VALUES.has(name);
    const value = inline ?? (takesValue ? (words.shift() ?? "") : "");
    if (MAPPED_VALUES.has(name) || MAPPED_FLAGS.has(name)) values.set(name, [...(values.get(name) ?? []), value]);
    else if (!POINTLESS.has(name)) unsupported.push(value === "" ? word : `--${name}=${value}`);
  }
  const [source, target] = places;
  if (source === undefined || target === undefined || places.length > 2)
    throw new UsageError(`--syncoid ${JSON.stringify(line)}: names not exactly a source and a target`);
  const last = (name: string) => values.get(name)?.at(-1);
  return {
    source: placeOf(source),
    target: placeOf(target),
    recursive: values.has("recursive"),
    skipParent: values.has("skip-parent"),
    excludes: [...(values.get("exclude") ?? []), ...(values.get("exclude-datasets") ?? [])],
    port: Number(last("sshport") ?? 22),
    key: last("sshkey"),
    sendLetters: new Set((last("sendoptions") ?? "").replaceAll(/[^a-zA-Z]/g, "")),
    properties: values.has("preserve-properties"),
    sourceLimit: limitOf(last("source-bwlimit")),
    targetLimit: limitOf(last("target-bwlimit")),
    unsupported,
  };
}

const MAPPED_FLAGS = new Set(["recursive", "skip-parent", "preserve-properties"]);
const MAPPED_VALUES = new Set(
  "sshport sshkey sendoptions source-bwlimit target-bwlimit exclude exclude-datasets".split(" "),
);

/** `user@host:pool/data`, or a dataset of this host. */
function placeOf(text: string): Place {
  const [, user, host, dataset] = /^(?:([^@/:]+)@)?([^@/:]+):(.+)$/.exec(text) ?? [];
  if (host === undefined || dataset === undefined) return { user: undefined, host: undefined, dataset: text };
  return { user, host, dataset };
}

/** pv's and mbuffer's `10M` are bytes per second, in powers of 1024. */
function limitOf(text: string | undefined): string | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([kKmMgGtT]?)$/.exec(text ?? "") ?? [];
  return number === undefined ? undefined : `${number} ${unit === "" ? "" : `${unit.toUpperCase()}i`}B`;
}

/** Splits as a shell would, as far as quotes go. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|\S)+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, "$1$2"),
  );
}
