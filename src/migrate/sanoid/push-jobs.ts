/** From syncoid commands to jobs, as lines of YAML with comments. Pure. */
import type { Place, SyncoidCommand } from "./syncoid.ts";

const KEEP_ALL = '[{type: regex, regex: ".*"}]';
/** What an identity may consist of. */
const IDENTITY = "myhost";

export function replicationLines(command: SyncoidCommand, names: (wanted: string) => string): string[] {
  const { source, target } = command;
  const base = source.dataset.replaceAll("/", "_");
  const lines = command.unsupported.map((option) => `  # not carried over: ${option}`);
  if (source.host !== undefined && target.host !== undefined)
    return [...lines, `  # ${text(source)} to ${text(target)}: neither is this host; migrate it on one of them`, ""];
  const name = names(`${base}_to_${target.host ?? target.dataset.split("/")[0]}`);
  return [
    ...lines,
    ...(source.host !== undefined
      ? pullLines(command, name)
      : target.host === undefined
        ? localLines(command, name, names)
        : pushLines(command, name)),
    "",
  ];
}

function text({ user, host, dataset }: Place): string {
  return `${user === undefined ? "" : `${user}@`}${host === undefined ? "" : `${host}:`}${dataset}`;
}

const q = JSON.stringify;

function pushLines(command: SyncoidCommand, name: string): string[] {
  const { source, target } = command;
  const root = rootFor(target);
  return [
    `  # syncoid ${text(source)} ${text(target)}`,
    "  - type: push",
    `    name: ${q(name)}`,
    ...sshLines(command, target),
    ...filesystemLines(command),
    ...sendLines(command),
    ...activeTail(),
    `  # On ${target.host}, in its own config:`,
    "  #   - type: sink",
    "  #     name: sink",
    `  #     serve: {type: stdinserver, client_identities: [${IDENTITY}]}`,
    `  #     root_fs: ${q(root)}`,
    "  #     recv: {placeholder: {encryption: inherit}}",
    `  # and in its authorized_keys: command="zrepl-run stdinserver ${IDENTITY}",restrict ssh-ed25519 …`,
    ...moveLines(target, `${root}/${IDENTITY}/${source.dataset}`, name),
  ];
}

function localLines(command: SyncoidCommand, name: string, names: (wanted: string) => string): string[] {
  const { source, target } = command;
  const root = rootFor(target);
  return [
    `  # syncoid ${text(source)} ${text(target)}`,
    "  - type: push",
    `    name: ${q(name)}`,
    `    connect: {type: local, listener_name: ${q(name)}, client_identity: ${IDENTITY}}`,
    ...filesystemLines(command),
    ...sendLines(command),
    ...activeTail(),
    "  - type: sink",
    `    name: ${q(names(`${name}_sink`))}`,
    `    serve: {type: local, listener_name: ${q(name)}}`,
    `    root_fs: ${q(root)}`,
    ...recvLines(command),
    ...moveLines(target, `${root}/${IDENTITY}/${source.dataset}`, name),
  ];
}

function pullLines(command: SyncoidCommand, name: string): string[] {
  const { source, target } = command;
  const root = rootFor(target);
  return [
    `  # syncoid ${text(source)} ${text(target)}`,
    "  - type: pull",
    `    name: ${q(name)}`,
    ...sshLines(command, source),
    `    root_fs: ${q(root)}`,
    "    interval: manual   # the timer says when",
    ...recvLines(command),
    "    pruning:",
    `      keep_sender: ${KEEP_ALL}   # pruned by the jobs of that host`,
    `      keep_receiver: ${KEEP_ALL}   # nothing is destroyed there, as with syncoid`,
    `  # On ${source.host}, in its own config:`,
    "  #   - type: source",
    "  #     name: source",
    `  #     serve: {type: stdinserver, client_identities: [${IDENTITY}]}`,
    ...[...filesystemLines(command), ...sendLines(command)].map((line) => `  # ${line}`),
    "  #     snapshotting: {type: manual}",
    `  # and in its authorized_keys: command="zrepl-run stdinserver ${IDENTITY}",restrict ssh-ed25519 …`,
    ...moveLines(target, `${root}/${source.dataset}`, name),
  ];
}

function rootFor({ dataset }: Place): string {
  return `${dataset.split("/")[0]}/zrepl-run`;
}

function sshLines({ port, key }: SyncoidCommand, { user, host }: Place): string[] {
  const file = key === undefined ? "/etc/zrepl-run/ssh_key   # make one: ssh-keygen -t ed25519" : q(key);
  return [
    "    connect:",
    "      type: ssh+stdinserver",
    `      host: ${q(host)}`,
    `      user: ${q(user ?? "root")}`,
    `      port: ${port}`,
    `      identity_file: ${file}`,
  ];
}

function filesystemLines({ source, recursive, skipParent, excludes }: SyncoidCommand): string[] {
  const { dataset } = source;
  return [
    "    filesystems:",
    `      ${q(recursive ? `${dataset}<` : dataset)}: true`,
    ...(skipParent ? [`      ${q(dataset)}: false`] : []),
    ...(excludes.length === 0 ? [] : [`    filesystems_exclude: [${excludes.map((regex) => q(regex)).join(", ")}]`]),
  ];
}

function sendLines({ sendLetters, properties, sourceLimit }: SyncoidCommand): string[] {
  const keys: [boolean, string][] = [
    [sendLetters.has("w"), "      encrypted: true   # -w; refuses filesystems that are not encrypted"],
    [sendLetters.has("p") || properties, "      send_properties: true"],
    [sendLetters.has("b"), "      backup_properties: true"],
    [sendLetters.has("L"), "      large_blocks: true"],
    [sendLetters.has("c"), "      compressed: true"],
    [sendLetters.has("e"), "      embedded_data: true"],
    [sourceLimit !== undefined, `      bandwidth_limit: {max: ${q(sourceLimit)}}`],
  ];
  const lines = keys.filter(([on]) => on).map(([, line]) => line);
  return lines.length === 0 ? [] : ["    send:", ...lines];
}

function recvLines({ targetLimit }: SyncoidCommand): string[] {
  const limit = targetLimit === undefined ? [] : [`      bandwidth_limit: {max: ${q(targetLimit)}}`];
  return ["    recv:", "      placeholder: {encryption: inherit}", ...limit];
}

function activeTail(): string[] {
  return [
    "    snapshotting: {type: manual}   # the jobs above take them",
    "    pruning:",
    `      keep_sender: ${KEEP_ALL}   # the jobs above prune`,
    `      keep_receiver: ${KEEP_ALL}   # nothing is destroyed there, as with syncoid; see prune and its keep rules`,
  ];
}

/** How the replica that is there is used again. */
function moveLines(target: Place, wanted: string, job: string): string[] {
  const where = target.host === undefined ? "" : ` (on ${target.host})`;
  const parent = wanted.slice(0, wanted.lastIndexOf("/"));
  return [
    `  # To go on with the replica that is there${where}:`,
    `  #   zfs create -p -o mountpoint=none ${q(parent)}`,
    `  #   zfs rename ${q(target.dataset)} ${q(wanted)}`,
    `  # and then: zrepl-run adopt ${q(job)}`,
  ];
}
