import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { trackPools, zfs } from "./pool.ts";
import { receivedBytes, type SshHost, startZreplRun, trackSshHosts, writeConfig, zreplRun } from "./ssh-host.ts";

const newPool = trackPools("all");
const newHost = trackSshHosts();

const KEEP_ALIVE_SEC = 3;
let from: Awaited<ReturnType<typeof newPool>>;
let to: Awaited<ReturnType<typeof newPool>>;
let server: string;
let host: SshHost;

beforeAll(async () => {
  from = await newPool({ mountpoint: true, sizeMiB: 900, args: ["-O", "compression=off"] });
  to = await newPool({ sizeMiB: 900 });
  await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
  server = writeConfig(to.dir, "server", {
    global: { lock_dir: join(to.dir, "lock") },
    jobs: [
      {
        type: "sink",
        name: "sink",
        root_fs: `${to.name}/sink`,
        serve: { type: "stdinserver", client_identities: ["alice"] },
        pruning: { keep: [{ type: "last_n", count: 10 }] },
        recv: { placeholder: { encryption: "inherit" } },
      },
    ],
  });
  host = await newHost(to.dir, [{ identity: "alice", config: server }]);
});

/** A client that a failed test has left must not hold the lock that the next test needs. */
const clients: ReturnType<typeof startZreplRun>[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) {
    client.kill("SIGKILL");
    await client;
  }
});

function startPush(config: string, job: string) {
  const client = startZreplRun(config, "push", job);
  clients.push(client);
  return client;
}

/** A filesystem to push, slowly or not. */
async function data(name: string) {
  const filesystem = `${from.name}/${name}`;
  await zfs("create", filesystem);
  writeFileSync(join(from.dir, "mnt", name, "file"), Buffer.alloc(20 << 20, 7));
  await zfs("snapshot", `${filesystem}@one`);
  const config = (send: object) =>
    writeConfig(from.dir, `client-${name}-${Object.keys(send).length}`, {
      global: { lock_dir: join(from.dir, "lock") },
      jobs: [
        {
          type: "push",
          name,
          connect: host.connect("alice", { keep_alive: `${KEEP_ALIVE_SEC}s` }),
          filesystems: { [filesystem]: true },
          snapshotting: { type: "manual" },
          pruning: { keep_sender: [{ type: "last_n", count: 10 }], keep_receiver: [{ type: "last_n", count: 10 }] },
          send,
          replication: { retry: { attempts: 1 } },
        },
      ],
    });
  const slow = config({ bandwidth_limit: { max: "2 MiB" } });
  return { filesystem, received: `${to.name}/sink/alice/${filesystem}`, slow, fast: config({}) };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): Process[] => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return [];
      }
    })
    .sort((a, b) => a.pid - b.pid);
}

/** Our servers: the session's first, then its streams'. */
const servers = () =>
  processes().filter(
    ({ command }) =>
      command.includes(`${server} stdinserver alice`) &&
      !command.startsWith("sh ") &&
      !command.includes(" -c /bin/") &&
      /node/.test(command.split(" ")[0] ?? ""),
  );
const receives = (filesystem: string) =>
  processes().filter(({ command }) => /zfs recv/.test(command) && command.includes(`${filesystem}@`));
const sends = (filesystem: string) =>
  processes().filter(({ command }) => /zfs send/.test(command) && command.includes(`${filesystem}@`));
const sshs = () => processes().filter(({ command }) => command.startsWith("ssh ") || command.includes("/ssh "));

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined)
    throw new Error(
      `nothing to kill:\n${processes()
        .map(({ pid: id, command }) => `${id} ${command}`)
        .join("\n")}`,
    );
  process.kill(pid, signal);
}

async function gone(what: () => readonly Process[], withinSec: number): Promise<void> {
  const deadlineMs = Date.now() + withinSec * 1000;
  while (what().length > 0) {
    if (Date.now() > deadlineMs) throw new Error(`still there after ${withinSec} s: ${JSON.stringify(what())}`);
    await sleep(200);
  }
}

const guid = (snapshot: string) => zfs("get", "-Hpo", "value", "guid", snapshot);

test("a sink's own prune leaves a client alone while it is being served", async () => {
  const { filesystem, received, slow } = await data("served");
  const child = startPush(slow, "served");
  await receivedBytes(received, 3 << 20);
  const prune = await zreplRun(server, "prune", "sink");
  expect(prune).toMatchObject({ exitCode: 75, output: expect.stringMatching(/stdinserver alice .* holds the lock/) });
  kill(child.pid, "SIGKILL");
  await child;
  await gone(() => [...receives(filesystem), ...sends(filesystem), ...servers()], 20);
  expect(await zreplRun(server, "prune", "sink")).toMatchObject({ exitCode: 0 });
});

describe("after the death of", () => {
  test.each([
    ["the session's server", "session", () => servers()[0]?.pid],
    ["the stream's server", "stream", () => servers().at(-1)?.pid],
    ["zfs recv", "recv", (filesystem: string) => receives(filesystem).at(-1)?.pid],
    ["zfs send", "send", (filesystem: string) => sends(filesystem).at(-1)?.pid],
    ["the session's ssh", "ssh", () => sshs()[0]?.pid],
    ["sshd's child", "sshd", () => processes().find(({ parent }) => parent === host.process.pid)?.pid],
  ])("%s: both sides end, the next run resumes", async (_what, name, victim) => {
    const { filesystem, received, slow, fast } = await data(name);
    const child = startPush(slow, name);
    await receivedBytes(received, 3 << 20);
    kill(victim(filesystem), "SIGKILL");
    const { exitCode, all } = await child;
    expect(exitCode, all).not.toBe(0);
    await gone(() => [...receives(filesystem), ...sends(filesystem), ...servers()], 20);
    const second = await zreplRun(fast, "push", name);
    expect(second).toMatchObject({ exitCode: 0, output: expect.stringContaining("resuming") });
    expect(await guid(`${received}@one`)).toBe(await guid(`${filesystem}@one`));
  });

  test("the client's zrepl-run: nothing of it lives on, the next run resumes at once", async () => {
    const { filesystem, received, slow, fast } = await data("client");
    const child = startPush(slow, "client");
    await receivedBytes(received, 3 << 20);
    kill(child.pid, "SIGKILL");
    await child;
    const second = await zreplRun(fast, "push", "client");
    expect(second).toMatchObject({ exitCode: 0, output: expect.stringContaining("resuming") });
    expect(await guid(`${received}@one`)).toBe(await guid(`${filesystem}@one`));
    await gone(servers, 20);
  });

  test("the network: both sides notice within the keep-alive", async () => {
    const { filesystem, received, slow, fast } = await data("network");
    const child = startPush(slow, "network");
    await receivedBytes(received, 3 << 20);
    const connection = processes().find(({ parent }) => parent === host.process.pid);
    const all = processes()
      .filter(({ pid, parent }) => pid === connection?.pid || parent === connection?.pid)
      .filter(({ command }) => command.startsWith("sshd"));
    for (const { pid } of all) kill(pid, "SIGSTOP");
    const startMs = Date.now();
    const { exitCode, all: said } = await child;
    expect(exitCode, said).not.toBe(0);
    expect((Date.now() - startMs) / 1000).toBeLessThan(KEEP_ALIVE_SEC * 2 + 15);
    await gone(() => [...receives(filesystem), ...sends(filesystem), ...servers()], 20);
    for (const { pid } of all) kill(pid, "SIGKILL");
    expect(await zreplRun(fast, "push", "network")).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining("resuming"),
    });
    expect(await guid(`${received}@one`)).toBe(await guid(`${filesystem}@one`));
  });

  test("the client, while its server can't notice: the successor ends the server", async () => {
    const { filesystem, received, slow, fast } = await data("stale");
    const child = startPush(slow, "stale");
    await receivedBytes(received, 3 << 20);
    for (const { pid } of servers()) kill(pid, "SIGSTOP");
    kill(child.pid, "SIGKILL");
    await child;
    const second = await zreplRun(fast, "push", "stale");
    expect(second, second.output).toMatchObject({ exitCode: 0, output: expect.stringContaining("resuming") });
    expect(await guid(`${received}@one`)).toBe(await guid(`${filesystem}@one`));
    await gone(servers, 5);
  });
});
