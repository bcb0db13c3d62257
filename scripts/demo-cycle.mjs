// The whole cycle of a push job on two pools of our own: snap → push → change → push → kill -9 in mid-transfer → push
// resumes → prune, and what is on disk then. Run by scripts/demo.mjs, as root where ZFS is. Removes all it made.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ZREPL_RUN = fileURLToPath(new URL("../bin/zrepl-run.js", import.meta.url));
const MIB = 1024 * 1024;
const POOL_MIB = 512;

/** The stream of the big change takes 3 s at this rate; it is killed about half way. */
const RATE_MIB = 10;
const CHANGE_MIB = 30;
const KILL_AFTER_MS = 1_500;

const dir = mkdtempSync(join(realpathSync(tmpdir()), "zrepl-run-demo-"));
const id = randomBytes(2).toString("hex");
const tank = `zrdemo-${id}-tank`;
const vault = `zrdemo-${id}-vault`;
const photos = `${tank}/home/photos`;
const replica = `${vault}/backups/laptop/${photos}`;
const configFile = join(dir, "demo.yml");
/** The look-alike zfs of the tests: its pools are in a file, and nothing is mounted. */
const simulated = process.env.ZREPL_RUN_DEMO_SIMULATED === "1";
const env = {
  ...process.env,
  LC_ALL: "C",
  ZREPL_RUN_CONFIG: configFile,
  ...(simulated ? { ZREPL_RUN_SIM_STATE: join(dir, "simulated.json") } : {}),
};

const CONFIG = `\
global:
  lock_dir: ${dir}/lock
jobs:
  - type: push
    name: laptop
    connect: {type: local, listener_name: vault, client_identity: laptop}
    filesystems: {"${tank}/home<": true}
    send:
      bandwidth_limit: {max: ${RATE_MIB} MiB}   # only so that the demo can interrupt a transfer
    snapshotting: {type: periodic, prefix: demo_, interval: 10m}
    pruning:
      keep_sender:
        - {type: not_replicated}
        - {type: last_n, count: 1}
      keep_receiver:
        - {type: last_n, count: 2}
  - type: sink
    name: vault
    serve: {type: local, listener_name: vault}
    root_fs: ${vault}/backups
    recv:
      placeholder: {encryption: inherit}
`;

const colored = Boolean(process.env.FORCE_COLOR) || (process.stdout.isTTY && !process.env.NO_COLOR);
const bold = (text) => (colored ? `\x1b[1m${text}\x1b[22m` : text);
const cyan = (text) => (colored ? `\x1b[36m${text}\x1b[39m` : text);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));

/** For what must be done even if we were stopped. */
const UNSTOPPABLE = new AbortController();

/** Pools that this run has tried to create. */
const attempted = [];
let titles = 0;

try {
  await cycle();
} catch (error) {
  process.exitCode = 1;
  console.error(`\ndemo: failed: ${(stop.signal.aborted ? stop.signal.reason : error).message}`);
} finally {
  await cleanUp();
}

async function cycle() {
  say(`This is the main job of zrepl-run on ${process.env.ZREPL_RUN_DEMO_PLACE ?? "this host's OpenZFS"}.`);
  say(`It makes two pools ${simulated ? "in a file" : "on files"} in ${dir}, which are destroyed at the end.`);

  title("Two pools and a config");
  await createPool(tank, join(dir, "tank"));
  await createPool(vault, "none");
  await zfs("create", `${tank}/home`);
  await zfs("create", photos);
  await zfs("create", `${vault}/backups`);
  await write("home", "notes.txt", Buffer.from("the first line\n"));
  await write("home/photos", "one.raw", randomBytes(8 * MIB));
  mkdirSync(join(dir, "lock"), { mode: 0o700 });
  writeFileSync(configFile, CONFIG);
  say(`${CONFIG.replaceAll(/^(?=.)/gm, "    ")}`);
  await zreplRun("configcheck");

  title("First snapshots, first replication");
  await zreplRun("snap", "laptop");
  await zreplRun("push", "laptop");

  title("A change: only the difference is sent");
  await sleep(1_100); // the names of snapshots have seconds
  await write("home", "notes.txt", Buffer.from("the first line\nthe second line\n"));
  await zreplRun("snap", "laptop");
  say("-n (--dry-run) shows the plan and changes nothing:\n");
  await zreplRun("push", "-n", "laptop");
  await zreplRun("push", "laptop");

  title("A large change, and kill -9 in the middle of its transfer");
  await sleep(1_100);
  await write("home/photos", "two.raw", randomBytes(CHANGE_MIB * MIB));
  await zreplRun("snap", "laptop");
  await killedPush();
  say("The receiver has kept what it got, and a token that says where to go on:\n");
  await resumeToken();
  await showZfs("get", "-H", "-o", "value", "receive_resume_token", replica);
  say("The sender holds both ends of the interrupted step, so that nothing can destroy them:\n");
  await showHolds(photos);

  title("The next run resumes");
  await zreplRun("push", "-n", "laptop");
  await zreplRun("push", "laptop");
  await zreplRun("push", "laptop");
  say("The last one found nothing to do.");

  title("Prune");
  say("keep_sender: the newest one and what is not replicated; keep_receiver: the newest two.\n");
  await zreplRun("prune", "-n", "laptop");
  await zreplRun("prune", "laptop");

  title("What is on disk");
  await showZfs("list", "-t", "snapshot", "-o", "name,guid", "-r", `${tank}/home`, `${vault}/backups`);
  say("The sender's replication cursor, a bookmark: the next step starts there even if the snapshot is gone.\n");
  await showZfs("list", "-t", "bookmark", "-o", "name,guid", "-r", `${tank}/home`);
  say("The receiver's holds on what it received last; the sender has none, no step is under way.\n");
  await showHolds(`${tank}/home`, `${vault}/backups`);
  await check();
}

/** Starts a push, kills it with SIGKILL in the middle of the big stream, and tells. */
async function killedPush() {
  command("zrepl-run", "push", "laptop");
  const child = start([process.execPath, ZREPL_RUN, "push", "laptop"], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = exit(child);
  let text = "";
  let underWay = () => {};
  const started = new Promise((done) => (underWay = done));
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk) => {
      process.stdout.write(chunk);
      text += chunk;
      if (text.includes(`${photos}: sending`)) underWay();
    });
  await Promise.race([started, ended]);
  await Promise.race([sleep(KILL_AFTER_MS), ended]);
  console.log();
  command("kill", "-9", child.pid);
  child.kill("SIGKILL");
  const [, signal] = await ended;
  if (signal !== "SIGKILL") throw new Error("the transfer was over before it could be killed");
  console.log();
}

/** The kernel writes the token when `zfs recv` has died with its parent. */
async function resumeToken() {
  for (let tries = 0; tries < 100; tries++) {
    const token = await zfs("get", "-H", "-o", "value", "receive_resume_token", replica);
    if (token.trim().length > 1) return;
    await sleep(100);
  }
  throw new Error(`${replica} has no resume token`);
}

/** Compares both sides: guids of the newest snapshots, contents of the files. */
async function check() {
  const ours = await snapshots(`${tank}/home`);
  const theirs = await snapshots(`${vault}/backups/laptop/${tank}/home`);
  for (const { name, guid } of ours)
    if (!theirs.some((other) => other.guid === guid && other.name.endsWith(name)))
      throw new Error(`${name} is not on the receiver`);
  if (!simulated) await compareFiles(theirs);
  const files = simulated ? "" : ", and the files are equal";
  say(`Checked: the sender's ${ours.length} snapshots are on the receiver with the same guids${files}.`);
}

async function compareFiles(received) {
  for (const [filesystem, file] of [
    ["home", "notes.txt"],
    ["home/photos", "one.raw"],
    ["home/photos", "two.raw"],
  ]) {
    const newest = received.findLast(({ name }) => name.startsWith(`${vault}/backups/laptop/${tank}/${filesystem}@`));
    const copy = await mounted(newest.name, (folder) => sha256(join(folder, file)));
    if (sha256(join(dir, "tank", filesystem, file)) !== copy)
      throw new Error(`${filesystem}/${file} differs between sender and receiver`);
  }
}

async function snapshots(filesystem) {
  const rows = await zfs("list", "-H", "-p", "-t", "snapshot", "-o", "name,guid", "-r", filesystem);
  return rows
    .trim()
    .split("\n")
    .map((row) => row.split("\t"))
    .map(([name, guid]) => ({ name, guid }));
}

/** Replicas are not mounted; this mounts a snapshot for as long as `body` takes. */
async function mounted(snapshot, body) {
  const folder = mkdtempSync(join(dir, "mnt-"));
  await output(["mount", "-t", "zfs", "-o", "ro", snapshot, folder]);
  try {
    return body(folder);
  } finally {
    await output(["umount", folder], UNSTOPPABLE);
  }
}

/** Writes a file on the sender. */
async function write(filesystem, file, content) {
  if (simulated) await zfs("write", `${tank}/${filesystem}`, String(content.length), file);
  else writeFileSync(join(dir, "tank", filesystem, file), content);
}

function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

async function createPool(name, mountpoint) {
  const vdev = join(dir, `${name}.vdev`);
  writeFileSync(vdev, "");
  truncateSync(vdev, POOL_MIB * MIB);
  // cachefile=none: the pool is not remembered by the host
  const settings = ["-o", "cachefile=none", "-O", `mountpoint=${mountpoint}`, "-O", "atime=off"];
  attempted.push(name);
  await output(["zpool", "create", ...settings, name, vdev]);
}

async function zreplRun(...args) {
  command("zrepl-run", ...args);
  const child = start([process.execPath, ZREPL_RUN, ...args]);
  const [code, signal] = await exit(child);
  console.log();
  if (code !== 0) throw new Error(`zrepl-run ${args.join(" ")} ended with ${signal ?? `exit code ${code}`}`);
}

/** stdout of a zfs command. */
function zfs(...args) {
  return output(["zfs", ...args]);
}

/** Prints a zfs command and its output, long lines shortened. */
async function showZfs(...args) {
  command("zfs", ...args);
  console.log((await zfs(...args)).replaceAll(/.{130,}/g, (line) => `${line.slice(0, 60)}…`));
}

/** `zfs holds` needs the name of every snapshot. */
async function showHolds(...filesystems) {
  command("zfs", "holds", ...filesystems.map((filesystem) => `$(zfs list -Ho name -t snapshot -r ${filesystem})`));
  const versions = await Promise.all(filesystems.map(snapshots));
  console.log(await zfs("holds", ...versions.flat().map(({ name }) => name)));
}

/** stdout of a command. */
async function output(argv, { signal } = stop) {
  const child = spawn(argv[0], argv.slice(1), { env, signal, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = await exit(child);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** Starts a command that writes to our stdout, its stderr too. */
function start(argv, options = {}) {
  return spawn(argv[0], argv.slice(1), { cwd: dir, env, signal: stop.signal, stdio: ["ignore", 1, 1], ...options });
}

function exit(child) {
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (code, signal) => done([code, signal]));
  });
}

function title(text) {
  console.log(`\n${bold(`${++titles}. ${text}`)}\n`);
}

function say(text) {
  console.log(text);
}

function command(...words) {
  console.log(cyan(`$ ${words.join(" ")}`));
}

/** Destroys the pools of this run, then removes its folder. */
async function cleanUp() {
  for (const pool of attempted) if (simulated || (await isOurs(pool))) await destroyPool(pool);
  rmSync(dir, { recursive: true, force: true });
  console.log(`\nCleaned up: the pools and ${dir} are gone.`);
}

/** Whether a pool of this name is there and its file is in our folder. */
async function isOurs(pool) {
  const all = await output(["zpool", "list", "-H", "-o", "name"], UNSTOPPABLE);
  if (!all.split("\n").includes(pool)) return false;
  return (await output(["zpool", "list", "-H", "-v", "-P", pool], UNSTOPPABLE)).includes(`${dir}/`);
}

/** A process that was just killed may hold the pool for a moment. */
async function destroyPool(pool) {
  for (let tries = 1; ; tries++) {
    try {
      await output(["zpool", "destroy", "-f", pool], UNSTOPPABLE);
      return;
    } catch (error) {
      if (tries < 50 && error.message.includes("busy")) {
        await sleep(200);
        continue;
      }
      console.error(`demo: ${error.message}\ndemo: to clean up: zpool destroy -f ${pool} && rm -r ${dir}`);
      process.exit(1);
    }
  }
}
