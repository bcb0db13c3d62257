/** Our own keys never change what a config of zrepl means: each is optional, and says that it is ours. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { resolveShape, type Shape } from "../../src/config/shape.ts";

type Described = Shape & { readonly description?: string };

const schema = JSON.parse(
  readFileSync(new URL("../../schemas/config.schema.json", import.meta.url), "utf8"),
) as Described;

const SNAPSHOTTING = "hooks timestamp_format timestamp_location";
const HOOK = "type* timeout err_is_fatal";
const TLS = "ca* cert* key*";

/** All keys of zrepl 0.7 by definition of the schema (zrepl-behaviour.md §2); * is required. */
const ZREPL: Readonly<Record<string, string>> = {
  config: "jobs global include",
  snap_job: "type* name* filesystems* snapshotting* pruning*",
  push_job: "type* name* connect* filesystems* snapshotting* pruning* send replication conflict_resolution",
  pull_job: "type* name* connect* root_fs* interval* pruning* recv replication conflict_resolution",
  sink_job: "type* name* serve* root_fs* recv",
  source_job: "type* name* serve* filesystems* snapshotting* send",
  connect_tcp: "type* address* dial_timeout",
  connect_tls: `type* address* ${TLS} server_cn* dial_timeout`,
  connect_ssh: "type* host* user* port* identity_file* transport_open_command ssh_command options dial_timeout",
  connect_local: "type* listener_name* client_identity* dial_timeout",
  serve_tcp: "type* listen* listen_freebind clients*",
  serve_tls: `type* listen* listen_freebind ${TLS} client_cns* handshake_timeout`,
  serve_stdinserver: "type* client_identities*",
  serve_local: "type* listener_name*",
  send: "encrypted raw send_properties backup_properties large_blocks compressed embedded_data saved bandwidth_limit",
  recv: "properties bandwidth_limit placeholder",
  "recv.properties": "inherit override",
  "recv.placeholder": "encryption",
  bandwidth_limit: "max bucket_capacity",
  replication: "protection concurrency",
  "replication.protection": "initial incremental",
  "replication.concurrency": "steps size_estimates",
  conflict_resolution: "initial_replication",
  snapshotting_periodic: `type* prefix* interval* ${SNAPSHOTTING}`,
  snapshotting_cron: `type* prefix* cron* ${SNAPSHOTTING}`,
  snapshotting_manual: "type*",
  hook_command: `${HOOK} path* filesystems`,
  hook_postgres: `${HOOK} dsn* filesystems*`,
  hook_mysql: `${HOOK} dsn* filesystems*`,
  pruning_local: "keep*",
  pruning_both: "keep_sender* keep_receiver*",
  keep_not_replicated: "type* keep_snapshot_at_cursor",
  keep_last_n: "type* count* regex",
  keep_grid: "type* grid* regex*",
  keep_regex: "type* regex* negate",
  global: "logging monitoring control serve",
  "global.control": "sockpath",
  "global.serve": "stdinserver",
  "global.serve.stdinserver": "sockdir",
  log_stdout: "type* level* format* time color",
  log_syslog: "type* level* format* facility retry_interval",
  log_tcp: "type* level* format* address* net retry_interval tls",
  "log_tcp.tls": TLS,
  monitoring_prometheus: "type* listen* listen_freebind",
};

interface Found {
  /** Definition → its keys that are zrepl's, in the notation above. */
  readonly keys: Map<string, string[]>;
  readonly unmarked: Set<string>;
  readonly required: Set<string>;
}

/** Visits everything that zrepl knows; what it does not know is looked at and not entered. */
function walk(shape: Shape, at: string, found: Found): void {
  const { oneOf, items, additionalProperties, properties = {}, required = [] } = shape;
  for (const member of [...(oneOf ?? []), ...(items ? [items] : [])]) enter(member, `${at}[]`, found);
  if (additionalProperties) enter(additionalProperties, `${at}.*`, found);
  if (found.keys.has(at) || Object.keys(properties).length === 0) return;
  const known = (ZREPL[at] ?? "").split(" ").map((key) => key.replace("*", ""));
  found.keys.set(at, []);
  for (const [key, property] of Object.entries(properties)) {
    if (known.includes(key)) {
      found.keys.get(at)?.push(required.includes(key) ? `${key}*` : key);
      enter(property, `${at}.${key}`, found);
    } else {
      if (!isMarked(property)) found.unmarked.add(`${at}.${key}`);
      if (required.includes(key)) found.required.add(`${at}.${key}`);
    }
  }
}

function enter(shape: Shape, path: string, found: Found): void {
  const name = shape.$ref?.replace("#/$defs/", "");
  const isOurs = name !== undefined && isMarked(shape) && ZREPL[name] === undefined;
  if (!isOurs) walk(resolveShape(shape, schema), name ?? path, found);
}

function isMarked(shape: Described): boolean {
  const target = resolveShape(shape, schema) as Described;
  return [shape.description, target.description].some((text) => text?.includes("Extension of zrepl-run"));
}

const found: Found = { keys: new Map(), unmarked: new Set(), required: new Set() };
walk(schema, "config", found);

test("each key of zrepl is there, and required exactly where zrepl requires it", () => {
  const sorted = (entries: Iterable<readonly [string, readonly string[]]>) =>
    Object.fromEntries([...entries].map(([name, keys]) => [name, keys.toSorted()]));
  expect(sorted(found.keys)).toEqual(sorted(Object.entries(ZREPL).map(([name, keys]) => [name, keys.split(" ")])));
});

test("each key that zrepl does not have is optional", () => {
  expect([...found.required]).toEqual([]);
});

test("each key that zrepl does not have is marked as an extension", () => {
  expect([...found.unmarked]).toEqual([]);
});
