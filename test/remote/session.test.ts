/** The active side against servers that are not what they should be. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { clientLockName } from "../../src/job-lock.ts";
import { withLock } from "../../src/lock.ts";
import type { Connection, ConnectionEnd, Transport } from "../../src/remote/connection.ts";
import { connect } from "../../src/remote/handshake.ts";
import { RemoteReceiver } from "../../src/remote/remote-receiver.ts";
import { Session } from "../../src/remote/session.ts";
import { encodeFrame, LIMITS, serverGreeting } from "../../src/remote/wire.ts";
import { fakeDaemon } from "../fake-daemon.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig, type RigOptions } from "./rig.ts";

const rigs: Rig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.dispose();
});

function newRig(options: RigOptions = {}): Rig {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("src");
  sim.addPool("dst");
  sim.exec(["zfs", "create", "dst/sink"]);
  const rig = new Rig(sim, options);
  rigs.push(rig);
  return rig;
}

interface Fake {
  readonly transport: Transport;
  /** What the server says. */
  readonly say: (bytes: Buffer | string) => void;
  readonly hangUp: () => void;
  aborted(): boolean;
}

function fakeServer(problem?: ConnectionEnd["problem"], dialTimeoutSec = 10): Fake {
  const [input, output] = [new PassThrough(), new PassThrough()];
  output.resume();
  let isAborted = false;
  let end: (end: ConnectionEnd) => void = () => undefined;
  const ended = new Promise<ConnectionEnd>((resolve) => {
    end = resolve;
  });
  const hangUp = () => {
    input.end();
    end({ success: false, problem });
  };
  const abort = () => {
    isAborted = true;
    hangUp();
  };
  const connection: Connection = { input, output, hasHandles: false, abort, ended, onLine: () => undefined };
  return {
    transport: { peer: "there", dialTimeoutSec, open: async () => connection, close: async () => undefined },
    say: (bytes) => input.write(bytes),
    hangUp,
    aborted: () => isAborted,
  };
}

const welcome = encodeFrame({
  welcome: {
    version: "0.1.0",
    job: "sink",
    root: "dst/sink/alice",
    clockSec: 1,
    permissions: { receive: true, send: false, list: true, prune: true },
  },
});

describe("a handshake", () => {
  test("finds the greeting after a banner, an motd and half a line", async () => {
    const { transport, say } = fakeServer();
    say(`*** welcome ***\r\n\n${"x".repeat(5000)}\nprompt> `);
    say(serverGreeting("0.1.0"));
    say(welcome);
    expect((await connect(transport, hello("sink"))).welcome).toMatchObject({ job: "sink", root: "dst/sink/alice" });
  });

  test.each([
    ["newer", 2, "9.9.9", "upgrade zrepl-run on this side"],
    ["older", 0, "0.0.1", "upgrade zrepl-run on the other side"],
  ])("with a %s server says which side to upgrade", async (_which, protocol, version, hint) => {
    const { transport, say, aborted } = fakeServer();
    say(`\nZREPL-RUN SERVER PROTOCOL=${protocol} VERSION=${version}\nwhatever follows`);
    await expect(connect(transport, hello("sink"))).rejects.toMatchObject({
      message: expect.stringContaining(`zrepl-run ${version} on the other side speaks protocol ${protocol}`),
      hint,
    });
    expect(aborted()).toBe(true);
  });

  test("with a newer client is refused by our server in words", async () => {
    const served = newRig().serve();
    served.output.write("ZREPL-RUN CLIENT PROTOCOL=0002\nwhatever follows");
    expect(await served.ended).toBe(false);
    expect(String(served.input.read())).toContain("speaks protocol 2");
  });

  test("with something that only talks ends", async () => {
    const { transport, say, aborted } = fakeServer();
    say("y\n".repeat(40_000));
    await expect(connect(transport, hello("sink"))).rejects.toThrow("printed much and did not greet");
    expect(aborted()).toBe(true);
  });

  test("that never begins says what the transport knows", async () => {
    const fake = fakeServer({ message: "the host key of there is not known", hint: "connect once by hand" });
    fake.say("some banner\n");
    fake.hangUp();
    await expect(connect(fake.transport, hello("sink"))).rejects.toMatchObject({
      message: "cannot connect to there: the host key of there is not known",
      hint: "connect once by hand",
    });
  });

  test("that is refused says why, without what could steer a terminal", async () => {
    const { transport, say } = fakeServer();
    say(serverGreeting("0.1.0"));
    say(encodeFrame({ error: { name: "FailedError", message: "no\u001b[2Jthing", hint: "do\u0007 this" } }));
    await expect(connect(transport, hello("sink"))).rejects.toMatchObject({
      message: "there: no\ufffd[2Jthing",
      hint: "on there: do\ufffd this",
    });
  });
});

describe("a session", () => {
  async function open(keepAliveSec = 30) {
    const fake = fakeServer();
    fake.say(serverGreeting("0.1.0"));
    fake.say(welcome);
    const warnings: string[] = [];
    const options = { transport: fake.transport, hello: hello("sink", { keepAliveSec }) };
    const session = await Session.open({ ...options, warn: (message) => warnings.push(message) });
    return { ...fake, session, warnings };
  }

  test("that is cut fails what is asked, and says that trying again may help", async () => {
    const { session, hangUp } = await open();
    const asked = session.call("list", {});
    hangUp();
    await expect(asked).rejects.toMatchObject({ message: "there closed the connection", temporary: true });
    await expect(session.call("list", {})).rejects.toThrow("closed the connection");
    expect(session.lost.aborted).toBe(true);
  });

  test("whose server is silent is given up within the keep-alive", async () => {
    const { session, aborted } = await open(1);
    const startMs = performance.now();
    await expect(session.call("list", {})).rejects.toThrow(/has been silent for \d+ s/);
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect(aborted()).toBe(true);
  });

  test("whose client is silent is given up by the server", async () => {
    const rig = newRig();
    const { input, output, ended } = rig.serve();
    input.resume();
    output.write("ZREPL-RUN CLIENT PROTOCOL=0001\n");
    output.write(encodeFrame({ hello: hello("sink", { keepAliveSec: 1 }) }));
    expect(await Promise.race([ended, delay(5000, "still there")])).toBe(false);
  });

  test("on a slow line lives as long as something arrives", async () => {
    const rig = newRig();
    const { input, output, ended } = rig.serve();
    input.resume();
    output.write("ZREPL-RUN CLIENT PROTOCOL=0001\n");
    output.write(encodeFrame({ hello: hello("sink", { keepAliveSec: 1 }) }));
    const large = encodeFrame({ id: 1, call: "list", args: {} }, Buffer.alloc(1000));
    for (let at = 0; at < large.length; at += 150) {
      output.write(large.subarray(at, at + 150));
      await delay(300);
    }
    output.end();
    expect(await ended).toBe(true);
  });

  test.each([
    ["an answer to nothing", encodeFrame({ id: 99, result: 1 })],
    ["garbage", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["a frame that is too large", Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
  ])("ends on %s", async (_what, bytes) => {
    const { session, say, aborted } = await open();
    const asked = session.call("list", {});
    say(bytes);
    await expect(asked).rejects.toThrow();
    expect(aborted()).toBe(true);
  });

  test("ends on a listing without end", { timeout: 60_000 }, async () => {
    const { session, say, aborted } = await open();
    const remote = { session, transport: fakeServer().transport, hello: hello("sink") };
    const listed = new RemoteReceiver(remote).list();
    const part = encodeFrame({ id: 1, items: Array(1000).fill(["p", ""]) });
    for (let i = 0; i <= LIMITS.listingItems / 1000; i++) say(part);
    await expect(listed).rejects.toThrow("listing has more than 2000000 entries");
    expect(aborted()).toBe(true);
  });

  test("ends on an answer without end", { timeout: 60_000 }, async () => {
    const { session, say, aborted } = await open();
    const asked = session.call("list", {});
    const part = encodeFrame({ id: 1, items: [], pad: "x".repeat(4_000_000) });
    for (let bytes = 0; bytes <= LIMITS.answerBytes; bytes += part.length) say(part);
    await expect(asked).rejects.toThrow("there answers without end");
    expect(aborted()).toBe(true);
  });

  test("leaves out warnings without end", async () => {
    const { session, say, warnings } = await open();
    const line = encodeFrame({ log: { level: "warn", message: "again" } });
    say(Buffer.concat(Array(LIMITS.logs + 50).fill(line)));
    say(encodeFrame({ id: 1, result: 5 }));
    expect((await session.call("estimate", {})).result).toBe(5);
    expect(warnings).toHaveLength(LIMITS.logs);
    expect(warnings.at(-1)).toBe("there says too much; the rest is left out");
  });

  test("whose client asks and never reads does not fill the server's memory", async () => {
    const { input, output } = newRig().serve();
    output.write("ZREPL-RUN CLIENT PROTOCOL=0001\n");
    output.write(encodeFrame({ hello: hello("sink") }));
    output.write(Buffer.concat(Array(150_000).fill(encodeFrame({ ping: true }))));
    const waiting = (stream: Readable | Writable) =>
      ("readableLength" in stream ? Number(stream.readableLength) : 0) +
      ("writableLength" in stream ? Number(stream.writableLength) : 0);
    while (waiting(output) > 0) await delay(50);
    expect(waiting(input)).toBeLessThan(2.2 * (1 << 20)); // all pongs would be 3.15 MB
  });

  test("passes warnings on", async () => {
    const { session, say, warnings } = await open();
    say(encodeFrame({ log: { level: "warn", message: "hold \u001b]0;evil stays" } }));
    say(encodeFrame({ id: 1, result: 5 }));
    expect((await session.call("estimate", {})).result).toBe(5);
    expect(warnings).toEqual(["there: hold \ufffd]0;evil stays"]);
  });
});

test("a client is told of a zrepl daemon that serves the same job", async () => {
  const dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const control = join(dir, "control");
  await fakeDaemon(control, (_request, response) => response.end(JSON.stringify({ Jobs: { sink: {} } })));
  const rig = newRig({ global: { control: { sockpath: control } } });
  const warnings: string[] = [];
  for (const role of ["sink", "source"] as const) {
    const session = await Session.open({
      ...{ transport: rig.transport(), hello: hello(role) },
      warn: (message) => warnings.push(message),
    });
    await session.call("poolFeatures", {});
    await session.close();
  }
  expect(warnings).toEqual([expect.stringMatching(/^there: a zrepl daemon is running with job "sink" too/)]);
});

describe("a client's lock", () => {
  const open = (rig: Rig, more: object) =>
    Session.open({ transport: rig.transport(), hello: hello("sink", more), warn: () => undefined });

  test("keeps another driver's session from changing anything, not from looking", async () => {
    const rig = newRig();
    const first = await open(rig, { driver: "host-a" });
    const second = await open(rig, { driver: "host-b" });
    await first.call("lock", {});
    await expect(second.call("lock", {})).rejects.toMatchObject({
      exitCode: 75,
      message: expect.stringContaining("there:"),
    });
    await second.call("list", {});
    await first.close();
    const third = await open(rig, { driver: "host-b" });
    await third.call("lock", {});
    await third.close();
    await second.close();
  });

  test("is waited for as long as the client says", async () => {
    const rig = newRig();
    const first = await open(rig, { driver: "host-a" });
    await first.call("lock", {});
    const second = await open(rig, { driver: "host-b", lockWaitSec: 20 });
    const waiting = second.call("lock", {});
    await delay(300);
    await first.close();
    await waiting;
    await second.close();
  });

  test("is another one for another client: they work at the same time", async () => {
    const rig = newRig();
    const other = newRig({ identity: "bob" });
    const [first, second] = [await open(rig, {}), await open(other, {})];
    await Promise.all([first.call("lock", {}), second.call("lock", {})]);
    await Promise.all([first.close(), second.close()]);
  });

  test("is not taken from a prune of the sink on its own host, whatever the client calls itself", async () => {
    const rig = newRig();
    const name = clientLockName("sink", CLIENT);
    const lock = { dir: rig.lockDir, name, command: "zrepl-run prune sink", waitSec: 0 };
    const { signal } = new AbortController();
    const session = await open(rig, { driver: "" });
    await withLock({ ...lock, signal, onLost: () => undefined }, async () => {
      await expect(session.call("lock", {})).rejects.toMatchObject({ exitCode: 75 });
    });
    await session.close();
    const next = await open(rig, { driver: "" });
    await next.call("lock", {});
    await next.close();
  });

  test("is needed for a stream of its own", async () => {
    const rig = newRig();
    const snapshot = { kind: "snapshot" as const, name: "s", guid: "1", createtxg: 1n, creationSec: 1, userrefs: 0 };
    const step = {
      filesystem: "data",
      type: "filesystem" as const,
      from: undefined,
      to: snapshot,
      resumeToken: undefined,
      via: [],
      guarantee: "guarantee_nothing" as const,
    };
    await expect(connect(rig.transport(), hello("sink"), step)).rejects.toThrow("has no lock, or has ended");
  });
});
