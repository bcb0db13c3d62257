import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, describe, expect, test } from "vitest";
import { trackPools, zfs } from "./pool.ts";
import { program, writeConfig, zreplRun } from "./ssh-host.ts";

const newPool = trackPools("all");
const units: (() => void)[] = [];
afterAll(() => {
  for (const stop of units) stop();
});

let nextPort = 8888;

/**
 * What systemd does for a socket unit with `Accept=yes`: the connection is fd 0 and 1 (`--inetd`, as `StandardInput=socket`),
 * or fd 3, named by LISTEN_FDS.
 */
async function socketUnit(config: string, job: string, port: number, how: readonly "--inetd"[]): Promise<void> {
  const serve = [process.execPath, program, "-c", config, "stdinserver", "--socket", job];
  const args = ["-l", `127.0.0.1:${port}`, "--accept", ...how, ...serve];
  const unit = spawn("systemd-socket-activate", args, { stdio: ["ignore", "ignore", "inherit"], detached: true });
  units.push(() => unit.kill());
  for (let attempt = 0; attempt < 50; attempt++) {
    const { stdout } = await execa("cat", ["/proc/net/tcp"]);
    if (stdout.includes(`0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`)) return;
    await sleep(100);
  }
  throw new Error("the socket unit does not listen");
}

async function certificates(dir: string) {
  const openssl = (...args: string[]) => execa("openssl", args, { cwd: dir });
  await openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test ca",
  );
  for (const name of ["server", "alice", "mallory"]) {
    await openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=${name}`,
    );
    await openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      `${name}.crt`,
      "-days",
      "2",
    );
  }
  return (name: string) => ({ ca: join(dir, "ca.crt"), cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) });
}

/** One of sink and source has the connection on fd 0 and 1, the other on fd 3. */
async function setup(
  sinkOnFd3: boolean,
  serve: (dir: string, port: number) => Promise<{ serve: object; connect: object; other: object }>,
) {
  const from = await newPool({ mountpoint: true, args: ["-O", "compression=off"] });
  const to = await newPool();
  const port = nextPort++;
  await zfs("create", "-o", "mountpoint=none", `${to.name}/sink`);
  const both = await serve(to.dir, port);
  const server = writeConfig(to.dir, "server", {
    global: { lock_dir: join(to.dir, "lock") },
    jobs: [
      {
        type: "sink",
        name: "sink",
        root_fs: `${to.name}/sink`,
        serve: both.serve,
        recv: { placeholder: { encryption: "inherit" } },
      },
      {
        type: "source",
        name: "source",
        filesystems: { [`${from.name}/data<`]: true },
        snapshotting: { type: "manual" },
        serve: { ...both.serve, listen: `127.0.0.1:${port + 1000}` },
      },
    ],
  });
  await socketUnit(server, "sink", port, sinkOnFd3 ? [] : ["--inetd"]);
  await socketUnit(server, "source", port + 1000, sinkOnFd3 ? ["--inetd"] : []);
  const keep = [{ type: "last_n", count: 10 }];
  const pruning = { keep_sender: keep, keep_receiver: keep };
  const push = (name: string, connectBy: object) => ({
    type: "push",
    name,
    connect: connectBy,
    filesystems: { [`${from.name}/data<`]: true },
    snapshotting: { type: "manual" },
    pruning,
  });
  const pull = {
    type: "pull",
    name: "pull",
    connect: { ...both.connect, address: `127.0.0.1:${port + 1000}` },
    root_fs: `${to.name}/pulled`,
    interval: "manual",
    recv: { placeholder: { encryption: "inherit" } },
    pruning,
  };
  await zfs("create", "-o", "mountpoint=none", `${to.name}/pulled`);
  const client = writeConfig(from.dir, "client", {
    global: { lock_dir: join(from.dir, "lock") },
    jobs: [push("push", both.connect), push("other", both.other), pull],
  });
  await zfs("create", `${from.name}/data`);
  await zfs("create", `${from.name}/data/small`);
  writeFileSync(join(from.dir, "mnt/data/large"), Buffer.alloc(8 << 20, 7));
  await zfs("snapshot", "-r", `${from.name}/data@one`);
  return {
    from,
    to,
    client,
    port,
    received: `${to.name}/sink/alice/${from.name}/data`,
    pulled: `${to.name}/pulled/${from.name}/data`,
  };
}

const guid = (snapshot: string) => zfs("get", "-Hpo", "value", "guid", snapshot);

describe("over a socket unit", () => {
  test("tcp: push and pull; the address is the identity", async () => {
    const { from, client, received, pulled, port } = await setup(true, async (_dir, at) => ({
      serve: { type: "tcp", listen: `127.0.0.1:${at}`, clients: { "127.0.0.1": "alice" } },
      connect: { type: "tcp", address: `127.0.0.1:${at}` },
      other: { type: "tcp", address: "127.0.0.1:1" },
    }));
    expect(await zreplRun(client, "push", "push")).toMatchObject({ exitCode: 0 });
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/small"]) {
      expect(await guid(`${received}${child}@one`)).toBe(await guid(`${from.name}/data${child}@one`));
      expect(await guid(`${pulled}${child}@one`)).toBe(await guid(`${from.name}/data${child}@one`));
    }
    const refused = await zreplRun(client, "push", "other");
    expect(refused).toMatchObject({ exitCode: 1, output: expect.stringContaining("cannot connect to 127.0.0.1:1") });
    await expectClosed(port, "GET / HTTP/1.1\r\nHost: here, and more text\r\n\r\n");
  });

  test("tls: push and pull; the certificate is the identity", async () => {
    const { from, client, received, pulled } = await setup(false, async (dir, at) => {
      const files = await certificates(dir);
      const connectBy = (name: string) => ({
        type: "tls",
        address: `127.0.0.1:${at}`,
        server_cn: "server",
        ...files(name),
      });
      return {
        serve: { type: "tls", listen: `127.0.0.1:${at}`, client_cns: ["alice"], ...files("server") },
        connect: connectBy("alice"),
        other: connectBy("mallory"),
      };
    });
    expect(await zreplRun(client, "push", "push")).toMatchObject({ exitCode: 0 });
    expect(await zreplRun(client, "pull", "pull")).toMatchObject({ exitCode: 0 });
    for (const child of ["", "/small"]) {
      expect(await guid(`${received}${child}@one`)).toBe(await guid(`${from.name}/data${child}@one`));
      expect(await guid(`${pulled}${child}@one`)).toBe(await guid(`${from.name}/data${child}@one`));
    }
    expect(await zreplRun(client, "push", "other")).toMatchObject({ exitCode: 1 });
  });
});

/** Whoever does not speak our protocol is told so and thrown out. */
async function expectClosed(port: number, text: string): Promise<void> {
  const said = await new Promise<string>((resolve, reject) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    socket.setEncoding("utf8").on("data", (chunk) => {
      heard += chunk;
    });
    socket.on("end", () => resolve(heard));
    socket.on("error", reject);
    setTimeout(() => reject(new Error(`still open after 20 s: ${heard}`)), 20_000).unref();
  });
  expect(said).toContain("no zrepl-run");
}
