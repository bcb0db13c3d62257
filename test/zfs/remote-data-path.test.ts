/** A large stream over ssh goes past Node, on both sides, in both directions (design.md: the data path avoids Node). */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { CLIENT, PUSH_JOB, trackSites } from "./site.ts";
import { program, trackSshHosts } from "./ssh-host.ts";

const STREAM_MIB = 24;
const MAX_READ_MIB = 16;

const hasStrace = (await execa("strace", ["--version"], { reject: false })).exitCode === 0;
if (!hasStrace) console.log("skipped: there is no strace here (Debian package strace)");

const newSite = trackSites(STREAM_MIB * 4 + 512);
const newHost = trackSshHosts();

/** Traces what a program's main thread reads, its children left out; that is where Node reads pipes and sockets. */
const tracing = (file: string) => ["-e", "trace=read,readv,recvfrom,recvmsg", "-o", file];

function readMib(file: string): number {
  const bytes = readFileSync(file, "utf8").matchAll(/ = (\d+)$/gm);
  return [...bytes].reduce((sum, [, count]) => sum + Number(count), 0) / (1 << 20);
}

test.skipIf(!hasStrace)("a stream of a push and of a pull is not read by Node", async () => {
  const site = await newSite();
  const traces = join(site.src.dir, "traces");
  mkdirSync(traces);
  // $$ is the shell's own number: each server has its file
  const served = `exec strace ${tracing(`${traces}/server.$$`).join(" ")} ${process.execPath} ${program} -c '${site.configFile}' stdinserver ${CLIENT}`;
  const host = await newHost(site.src.dir, [{ identity: CLIENT, config: site.configFile }], { command: served });
  const connect = host.connect(CLIENT);
  const serve = { type: "stdinserver", client_identities: [CLIENT] };
  const keep = [{ type: "regex", regex: ".*" }];
  const root_fs = `${site.dstRoot}/pulled`;
  const recv = { placeholder: { encryption: "inherit" } };
  const pruning = { keep_sender: keep, keep_receiver: keep };
  const filesystems = { [site.fs("large")]: true };
  const source = { type: "source", name: "source", serve, filesystems, snapshotting: { type: "manual" } };
  const pull = { type: "pull", name: "pull", connect, root_fs, interval: "manual", recv, pruning };
  site.configure({ push: { connect }, sink: { serve }, jobs: [source, pull] });
  for (const filesystem of [site.fs("large"), root_fs]) await zfs("create", filesystem);
  await site.write("large", "file", STREAM_MIB << 10);
  await zfs("snapshot", `${site.fs("large")}@one`);
  for (const [verb, job] of [
    ["push", PUSH_JOB],
    ["pull", "pull"],
  ] as const) {
    const args = [...tracing(`${traces}/client`), process.execPath, program, "-c", site.configFile, verb, job];
    const { exitCode, all } = await execa("strace", args, { reject: false, stdin: "ignore", all: true });
    expect(exitCode, all).toBe(0);
    const files = readdirSync(traces).map((name) => join(traces, name));
    expect(files).toHaveLength(verb === "push" ? 3 : 5); // a client, and the servers of a session and of a stream each
    for (const file of files) expect(readMib(file), file).toBeLessThan(MAX_READ_MIB);
  }
});
