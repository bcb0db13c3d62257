/** Outlets with something real at the other end. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogRecord } from "../../src/report/describe-event.ts";
import { RemoteOutlet } from "../../src/report/remote-outlet.ts";
import { isJournal, stderrOutlet } from "../../src/report/stderr-outlet.ts";
import { syslogOutlet } from "../../src/report/syslog-outlet.ts";
import { tcpOutlet } from "../../src/report/tcp-outlet.ts";

const RECORD: LogRecord = {
  ...{ level: "warn", job: "j", subsystem: "repl", filesystem: "t/a", step: "1/2", message: "odd\n  hint: look" },
};
const NOW_MS = Date.UTC(2026, 10, 21, 13, 0, 0, 250);
const TCP = { type: "tcp", level: "info", format: "json", net: "tcp", retrySec: 0.05 } as const;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-outlets-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** A server that keeps what it gets. */
async function listen(server = createServer()) {
  let text = "";
  const sockets = new Set<Socket>();
  server.on(server instanceof createTlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a tcp server
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, address: `127.0.0.1:${port}`, text: () => text, close, sockets };
}

describe("tcp", () => {
  test("gets a line with job, filesystem and step", async () => {
    const server = await listen();
    const outlet = tcpOutlet({ ...TCP, address: server.address });
    outlet.write(RECORD, NOW_MS);
    expect(await outlet.close()).toBeUndefined();
    expect(JSON.parse(server.text())).toEqual({
      ...{ level: "warn", time: "2026-11-21T13:00:00.250Z", job: "j", subsystem: "repl", filesystem: "t/a" },
      ...{ step: "1/2", msg: "odd\n  hint: look" },
    });
    server.close();
  });

  test("that nobody listens on is one warning, with what was lost", async () => {
    const server = await listen();
    server.close();
    const outlet = tcpOutlet({ ...TCP, address: server.address });
    for (let i = 0; i < 3; i++) outlet.write(RECORD, NOW_MS);
    expect(await outlet.close()).toMatch(/^log outlet tcp 127\.0\.0\.1:\d+: .*; 3 lines lost$/);
  });

  test("that comes back gets what waited", async () => {
    const gone = await listen();
    gone.close();
    const outlet = tcpOutlet({ ...TCP, address: gone.address });
    outlet.write(RECORD, NOW_MS);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const server = createServer();
    let text = "";
    const got = new Promise<void>((resolve) =>
      server.on("connection", (socket) =>
        socket.on("data", (chunk) => {
          text += chunk;
          resolve();
        }),
      ),
    );
    server.listen(gone.port, "127.0.0.1");
    await got;
    outlet.write(RECORD, NOW_MS);
    const warning = await outlet.close();
    server.close();
    expect([text.split("\n").length >= 2, warning]).toEqual([true, undefined]);
  });

  test("that never reads delays the end by the time-out only, and holds no more than the bound", async () => {
    const server = createServer((socket) => socket.pause());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // of a tcp server
    const outlet = tcpOutlet({ ...TCP, address: `127.0.0.1:${port}` });
    const long = { ...RECORD, message: "x".repeat(100_000) };
    for (let i = 0; i < 200; i++) outlet.write(long, NOW_MS);
    const startMs = performance.now();
    expect(await outlet.close()).toMatch(/no answer within 2 s; \d+ lines lost/);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    server.close();
  });
});

describe("tls", () => {
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: dir, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const path = (name: string) => join(dir, name);
  beforeAll(() => {
    const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
    for (const name of ["good", "other"])
      openssl(
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
        ...["-keyout", `${name}.key`, "-out", `${name}.pem`, "-subj", "/CN=localhost", "-addext", names],
      );
  });

  test.each([
    ["a server of that authority", "good", /^\{"level":"warn"/, undefined],
    ["not one of another", "other", /^$/, /log outlet tls .*self-signed certificate.*1 line lost/],
  ])("is for %s", async (_who, ca, text, warning) => {
    const server = createTlsServer({
      ...{ cert: readFileSync(path("good.pem")), key: readFileSync(path("good.key")) },
      ...{ ca: readFileSync(path("good.pem")), requestCert: true, rejectUnauthorized: true },
    });
    let got = "";
    server.on("secureConnection", (socket) =>
      socket.on("data", (chunk) => {
        got += chunk;
      }),
    );
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // of a tcp server
    const tls = { ca: path(`${ca}.pem`), cert: path("good.pem"), key: path("good.key") };
    const outlet = tcpOutlet({ ...TCP, address: `127.0.0.1:${port}`, tls });
    outlet.write(RECORD, NOW_MS);
    const problem = await outlet.close();
    server.close();
    expect(got).toMatch(text);
    if (warning === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(warning);
  });

  test("without its files is a warning", async () => {
    const tls = { ca: path("nope.pem"), cert: path("good.pem"), key: path("good.key") };
    const outlet = tcpOutlet({ ...TCP, address: "127.0.0.1:1", tls });
    outlet.write(RECORD, NOW_MS);
    expect(await outlet.close()).toMatch(/nope\.pem.*1 line lost/);
  });
});

const perl = spawnSync("perl", ["-MIO::Socket::UNIX", "-e", "1"]).status === 0;
const logger = spawnSync("logger", ["--version"]).status === 0;
if (!perl || !logger) console.log("skipped: syslog over a datagram socket needs perl and logger(1)");

describe.skipIf(!perl || !logger)("syslog", () => {
  test("gets a datagram for each line, with facility and severity", async () => {
    const socket = join(dir, "log");
    const script = `$| = 1; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!; print "ready\\n";
      while (defined $s->recv(my $m, 65536)) { print "$m\\n" }`;
    const server = spawn("perl", ["-MIO::Socket::UNIX", "-e", script, socket], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    const three = new Promise<void>((resolve) =>
      server.stdout.on("data", (chunk: Buffer) => {
        lines.push(...String(chunk).trimEnd().split("\n"));
        if (lines.length >= 4) resolve();
      }),
    );
    await once(server.stdout, "data");
    const outlet = syslogOutlet(
      { type: "syslog", level: "info", format: "human", facility: "local3", retrySec: 10 },
      socket,
    );
    outlet.write(RECORD, NOW_MS);
    outlet.write({ ...RECORD, level: "error", message: "%s $(id) `id`" }, NOW_MS);
    expect(await outlet.close()).toBeUndefined();
    await three;
    server.kill();
    const tag = `zrepl-run\\[${process.pid}\\]`;
    expect(lines[1]).toMatch(new RegExp(`^<156>.* ${tag}: \\[WARN\\]\\[j\\]\\[repl\\]: odd$`));
    expect(lines[2]).toMatch(new RegExp(`^<156>.* ${tag}: +hint: look$`));
    expect(lines[3]).toMatch(new RegExp(`^<155>.* ${tag}: \\[ERRO\\]\\[j\\]\\[repl\\]: %s \\$\\(id\\) \`id\`$`));
  });

  test("that is not there is a warning", async () => {
    const none = { type: "syslog", level: "info", format: "human", facility: "daemon", retrySec: 10 } as const;
    const outlet = syslogOutlet(none, join(dir, "nobody"));
    outlet.write(RECORD, NOW_MS);
    expect(await outlet.close()).toMatch(/^log outlet syslog: .*nobody/);
  });
});

test("an outlet that nothing was written to connects to nothing", async () => {
  const open = () => {
    throw new Error("opened");
  };
  const outlet = new RemoteOutlet({ level: "info", name: "n", format: () => "", open, retryMs: 1 });
  expect(await outlet.close()).toBeUndefined();
});

test("for the journal every line has its priority", () => {
  const stderr = new PassThrough();
  const outlet = stderrOutlet({
    ...{ stderr, level: "info", logFormat: "human", time: false, priorities: true, paint: (_level, text) => text },
  });
  outlet.write(RECORD, NOW_MS);
  expect(String(stderr.read())).toBe("<4>[WARN][j][repl]: odd\n<4>  hint: look\n");
});

test("the journal is told by device and inode", () => {
  const file = join(dir, "journal");
  writeFileSync(file, "");
  const fd = openSync(file, "r");
  const { dev, ino } = fstatSync(fd, { bigint: true });
  expect(isJournal(`${dev}:${ino}`, fd)).toBe(true);
  expect(isJournal(`${dev}:${ino + 1n}`, fd)).toBe(false);
  expect(isJournal(undefined, fd)).toBe(false);
});
