/** The config that follows from the answers, with the comments that a person wants who opens it in a year. */
import type { Answers } from "./setup.ts";
import type { Setup } from "./setups.ts";

/** @param schema path of the schema, for editors with yaml-language-server; undefined = not installed */
export function configText(answers: Answers, schema?: string): string {
  const modeline = schema === undefined ? "" : `# yaml-language-server: $schema=${schema}\n`;
  return `${modeline}# Config of zrepl-run, see zrepl-run.yml(5). After a change: zrepl-run configcheck\njobs:\n${jobs(answers)}`;
}

function jobs(answers: Answers): string {
  switch (answers.setup) {
    case "snapshots":
      return snapJob(answers);
    case "local":
      return `${pushJob(answers, LOCAL_CONNECT)}\n${sinkJob(answers, "{type: local, listener_name: second_pool}")}`;
    case "push":
      return pushJob(answers, sshConnect(answers));
    case "sink":
      return sinkJob(answers, `{type: stdinserver, client_identities: ${list(answers.clients)}}`);
    case "pull":
      return pullJob(answers);
    case "source":
      return sourceJob(answers);
  }
}

/** Snapshots of others and by hand have another prefix; a rule sees them too, and what no rule keeps is destroyed. */
const KEEP_OTHERS = '{type: regex, regex: "^auto_", negate: true} # all that this job has not taken';
const GRID = '{type: grid, grid: "1x1h(keep=all) | 24x1h | 14x1d", regex: "^auto_"}';
const LONG_GRID = '{type: grid, grid: "1x1h(keep=all) | 24x1h | 30x1d | 12x30d", regex: "^auto_"}';
const LOCAL_CONNECT = " {type: local, listener_name: second_pool, client_identity: this_host}";

function filter({ filesystems, rootFs, setup }: Answers): string {
  const entries = filesystems.map((part) => [part.replace(/^!/, ""), !part.startsWith("!")] as const);
  const included = entries.some(
    ([pattern, on]) =>
      on && pattern.endsWith("<") && `${rootFs}/`.startsWith(pattern === "<" ? "" : `${pattern.slice(0, -1)}/`),
  );
  const excluded = entries.some(([pattern, on]) => !on && pattern === `${rootFs}<`);
  const guard = setup === "local" && included && !excluded ? [[`${rootFs}<`, false] as const] : [];
  const lines = [...entries, ...guard].map(([pattern, on]) => `      ${JSON.stringify(pattern)}: ${on}\n`).join("");
  return `    filesystems: # <: and everything below; of several that fit, the longest decides\n${lines}`;
}

function snapshotting({ interval }: Answers): string {
  return `    snapshotting: {type: periodic, prefix: auto_, interval: ${interval}} # by a timer: zrepl-run systemd\n`;
}

function snapJob(answers: Answers): string {
  return `  - type: snap
    name: snapshots
${filter(answers)}${snapshotting(answers)}    pruning:
      keep:
        - ${GRID}
        - ${KEEP_OTHERS}
`;
}

function bothPruning(): string {
  return `    pruning:
      keep_sender:
        - {type: not_replicated} # nothing goes before it has been sent
        - ${GRID}
        - ${KEEP_OTHERS}
      keep_receiver:
        - ${LONG_GRID}
        - ${KEEP_OTHERS}
`;
}

function pushJob(answers: Answers, connect: string): string {
  return `  - type: push
    name: backup # part of bookmarks and holds on disk: don't change it later
${filter(answers)}    connect:${connect}
${snapshotting(answers)}${bothPruning()}`;
}

function sshConnect({ host, user, identityFile }: Answers): string {
  return `
      type: ssh+stdinserver
      host: ${JSON.stringify(host)}
      user: ${JSON.stringify(user)}
      port: 22
      identity_file: ${JSON.stringify(identityFile)}`;
}

const RECV = `    recv:
      placeholder: {encryption: inherit} # of filesystems that are made only to hold others
`;

function sinkJob({ rootFs }: Answers, serve: string): string {
  return `  - type: sink
    name: backups
    serve: ${serve}
    root_fs: ${JSON.stringify(rootFs)} # replicas go to root_fs/CLIENT/NAME; it must exist
${RECV}`;
}

function pullJob(answers: Answers): string {
  return `  - type: pull
    name: fetch # part of bookmarks and holds on disk: don't change it later
    connect:${sshConnect(answers)}
    root_fs: ${JSON.stringify(answers.rootFs)} # replicas go to root_fs/NAME; it must exist
    interval: ${answers.interval} # by a timer: zrepl-run systemd
${RECV}${bothPruning()}`;
}

function sourceJob(answers: Answers): string {
  return `  - type: source
    name: offered
    serve: {type: stdinserver, client_identities: ${list(answers.clients)}}
${filter(answers)}${snapshotting(answers)}`;
}

function list(values: readonly string[]): string {
  return JSON.stringify(values).replaceAll(",", ", ");
}

const JOBS: Readonly<Record<Setup, string>> = {
  ...{ snapshots: "snapshots", local: "backup", push: "backup" },
  ...{ sink: "backups", pull: "fetch", source: "offered" },
};

/** What to do next, one command or sentence a line. @param program how the program is called with this config */
export function nextSteps(answers: Answers, datasets: readonly string[], program: string): string[] {
  const { setup, rootFs, host, user, identityFile, clients } = answers;
  const job = JOBS[setup];
  const [client = "CLIENT"] = clients;
  const isMissing = rootFs !== "" && !datasets.includes(rootFs);
  const key = [
    `ssh-keygen -t ed25519 -N "" -f ${identityFile}    (unless there is one)`,
    `ssh -i ${identityFile} ${user}@${host}    (once by hand, for the host's key)`,
    `on ${host}: zrepl-run init --setup ${setup === "push" ? "sink" : "source"}`,
  ];
  return [
    ...(isMissing ? [`zfs create -o mountpoint=none ${rootFs}`] : []),
    ...(host === "" ? [] : key),
    ...(clients.length === 0
      ? []
      : [`in authorized_keys: command="zrepl-run stdinserver ${client}",restrict ssh-ed25519 KEY-OF-${client}`]),
    `${program} configcheck`,
    `${program} doctor ${job}`,
    ...(setup === "sink" ? [] : [`${program} run --dry-run ${job}`, `${program} systemd ${job} --install`]),
  ];
}
