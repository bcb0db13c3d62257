/** One suite for all endpoints: local ones, and the same behind the wire. What holds for one holds for the other. */
import { afterEach, describe, expect, test } from "vitest";
import type { ConfirmedStep, Receiver, Sender, StepRequest } from "../../src/endpoint/endpoint.ts";
import { LocalReceiver } from "../../src/endpoint/local-receiver.ts";
import { LocalSender } from "../../src/endpoint/local-sender.ts";
import { guardedRecv } from "../../src/remote/guarded-recv.ts";
import { type RemoteOptions, RemoteReceiver } from "../../src/remote/remote-receiver.ts";
import { RemoteSender } from "../../src/remote/remote-sender.ts";
import { Session } from "../../src/remote/session.ts";
import { parsePoolFeatures } from "../../src/zfs/pool-features.ts";
import type { FilesystemVersion } from "../../src/zfs/version.ts";
import { load } from "../config/files.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig } from "./rig.ts";
import { StreamRunner } from "./stream-runner.ts";

interface Both {
  readonly sim: ZfsSimulator;
  readonly runner: StreamRunner;
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** Connections made so far; 0 for local endpoints. */
  connections(): number;
}

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function world(script: string): ZfsSimulator {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  sim.addPool("src");
  sim.addPool("dst");
  play(sim, `+ "dst/sink"\n${script}`);
  return sim;
}

async function local(script: string): Promise<Both> {
  const sim = world(script);
  const runner = new StreamRunner(sim, new AbortController().signal);
  const config = await load(`
jobs:
  - {type: source, name: source, filesystems: {"src<": true, "src/secret<": false}, snapshotting: {type: manual}, serve: {type: local, listener_name: a}}
  - {type: sink, name: sink, root_fs: dst/sink, serve: {type: local, listener_name: b}, recv: {placeholder: {encryption: inherit}}}`);
  const [source, sink] = config.jobs;
  if (source?.type !== "source" || sink?.type !== "sink") throw new Error("no jobs");
  const warn = () => undefined;
  const sender = new LocalSender({ runner, job: source.name, filter: source.filesystems, send: source.send, warn });
  const { name: job, rootFs } = sink;
  const receiver = new LocalReceiver({
    runner,
    job,
    rootFs,
    clientIdentity: CLIENT,
    recv: guardedRecv(sink.recv),
    warn,
  });
  return { sim, runner, sender, receiver, connections: () => 0 };
}

/** One of the two behind the wire, the other local, as it is in a push or a pull. */
async function remote(script: string, role: "sink" | "source"): Promise<Both> {
  const both = await local(script);
  const rig = new Rig(both.sim);
  cleanups.push(() => rig.dispose());
  const options = { transport: rig.transport(), hello: hello(role) };
  const session = await Session.open({ ...options, warn: () => undefined });
  cleanups.push(() => session.close());
  const end =
    role === "sink"
      ? { receiver: new RemoteReceiver({ ...options, session }) }
      : { sender: new RemoteSender({ ...options, session }) };
  return { ...both, ...end, connections: () => rig.connections };
}

function find(versions: readonly FilesystemVersion[], name: string): FilesystemVersion {
  const version = versions.find((candidate) => candidate.name === name);
  if (version === undefined) throw new Error(`no version ${name}`);
  return version;
}

async function step(sender: Sender, filesystem: string, to: string, from?: string): Promise<StepRequest> {
  const state = (await sender.list()).filesystems.find((candidate) => candidate.filesystem === filesystem);
  if (state === undefined) throw new Error(`no filesystem ${filesystem}`);
  return {
    filesystem,
    type: state.type,
    from: from === undefined ? undefined : find(state.versions, from),
    to: find(state.versions, to),
    resumeToken: undefined,
    via: [],
    guarantee: "guarantee_resumability",
  };
}

/** One step as the engine does it. @throws what went wrong at either end */
async function transfer({ runner, sender, receiver }: Both, request: StepRequest): Promise<void> {
  expect(await sender.prepare([request])).toEqual(new Map());
  const source = await sender.openSend(request);
  const sink = await receiver.openReceive(request);
  const result = await runner.transfer(source.end, sink.end);
  const failure = (await sink.judge(result.sink)) ?? (await source.judge(result.source));
  if (failure !== undefined) throw failure.error;
}

async function replicate(both: Both, request: StepRequest): Promise<void> {
  await transfer(both, request);
  const confirmed: ConfirmedStep = { filesystem: request.filesystem, to: request.to, guarantee: request.guarantee };
  expect(await both.receiver.confirm([confirmed])).toEqual(new Map());
  expect(await both.sender.complete([confirmed])).toEqual(new Map());
}

const DATA = `
+ "src/data"
+ "src/data/child"
+ "src/secret"
> "src/data" 10K
+ "src/data@one"
+ "src/data/child@one"
+ "src/secret@one"
> "src/data" 10K
+ "src/data@two"
+ "src/data#mark" "src/data@two"`;

describe.each([
  ["local endpoints", local],
  ["local sender, remote receiver", (script: string) => remote(script, "sink")],
  ["remote sender, local receiver", (script: string) => remote(script, "source")],
])("%s", (_name, open) => {
  test("list what the filter matches and what is below the client's root", async () => {
    const { sender, receiver, sim } = await open(`${DATA}\n+ "dst/sink/${CLIENT}/other"\n+ "dst/sink/bob/data"`);
    const sent = await sender.list();
    expect(sent.filesystems.map(({ filesystem }) => filesystem)).toEqual(["src", "src/data", "src/data/child"]);
    const data = sent.filesystems[1];
    expect(data?.versions.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "snapshot one",
      "bookmark mark",
      "snapshot two",
    ]);
    expect(find(data?.versions ?? [], "two").guid).toBe(
      sim.exec(["zfs", "get", "-Hpo", "value", "guid", "src/data@two"]).stdout.trim(),
    );
    expect((await receiver.list()).filesystems.map(({ filesystem }) => filesystem)).toEqual(["other"]);
    expect([sender.job, receiver.job]).toEqual(["source", "sink"]);
  });

  test("an initial and an incremental step, with holds and cursors", async () => {
    const both = await open(DATA);
    await both.receiver.list();
    await replicate(both, await step(both.sender, "src/data", "one"));
    await replicate(both, await step(both.sender, "src/data", "two", "one"));
    const [state] = (await both.receiver.list()).filesystems.filter(({ filesystem }) => filesystem === "src/data");
    expect(state?.versions.map(({ name }) => name)).toEqual(["one", "two"]);
    expect([...(state?.holds ?? [])]).toEqual([["two", ["zrepl_last_received_J_sink"]]]);
    const sent = (await both.sender.list()).filesystems.find(({ filesystem }) => filesystem === "src/data");
    expect([...(sent?.holds ?? [])]).toEqual([]);
    expect(sent?.versions.filter(({ name }) => name.startsWith("zrepl_CURSOR_")).map(({ guid }) => guid)).toEqual([
      find(sent?.versions ?? [], "two").guid,
    ]);
  });

  test("a large stream", async () => {
    const both = await open(`+ "src/data"\n> "src/data" 8M\n+ "src/data@one"\n> "src/data" 1K\n+ "src/data@two"`);
    await both.receiver.list();
    const before = both.connections();
    await replicate(both, await step(both.sender, "src/data", "one"));
    if (before > 0) expect(both.connections()).toBe(before + 1);
    await replicate(both, await step(both.sender, "src/data", "two", "one"));
    expect(both.sim.contentOf(`dst/sink/${CLIENT}/src/data@two`)).toEqual(both.sim.contentOf("src/data@two"));
  });

  test("refuse a filesystem outside the filter", async () => {
    const { sender } = await open(DATA);
    const request = { ...(await step(sender, "src/data", "one")), filesystem: "src/secret" };
    await expect(sender.openSend(request)).rejects.toThrow("endpoint does not allow access to filesystem src/secret");
    await expect(sender.estimate(request)).rejects.toThrow("does not allow access");
  });

  test("refuse a version with another guid", async () => {
    const { sender } = await open(DATA);
    const request = await step(sender, "src/data", "one");
    const forged = { ...request, to: { ...request.to, guid: "12345" } };
    await expect(sender.openSend(forged)).rejects.toThrow("src/data@one with guid 12345 does not exist");
  });

  test("destroy only what still has the guid, keep what is held", async () => {
    const both = await open(`${DATA}\n+ "src/data@two" "mine"`);
    const state = (await both.sender.list()).filesystems.find(({ filesystem }) => filesystem === "src/data");
    const [one, two] = [find(state?.versions ?? [], "one"), find(state?.versions ?? [], "two")];
    const replaced = { ...one, guid: "99" };
    expect(await both.sender.destroySnapshots([{ filesystem: "src/data", snapshots: [replaced, two] }])).toMatchObject([
      { filesystem: "src/data", snapshot: { name: "one" }, outcome: "replaced" },
      { filesystem: "src/data", snapshot: { name: "two" }, outcome: "kept" },
    ]);
    expect(await both.sender.destroySnapshots([{ filesystem: "src/data", snapshots: [one] }])).toEqual([]);
    expect(both.sim.exec(["zfs", "list", "src/data@one"]).exitCode).toBe(1);
  });

  test("say what destroying would free, of what the other side may see", async () => {
    const { sender, sim } = await open(`${DATA}\n> "src/data" 1M\n+ "src/data@three"\n> "src/data" 1M`);
    const state = (await sender.list()).filesystems.find(({ filesystem }) => filesystem === "src/data");
    const snapshots = [find(state?.versions ?? [], "one"), find(state?.versions ?? [], "two")];
    const said = /reclaim\t(\d+)/.exec(sim.exec(["zfs", "destroy", "-nvp", "src/data@one,two"]).stdout)?.[1];
    expect(await sender.reclaimable?.([{ filesystem: "src/data", snapshots }])).toEqual(
      new Map([["src/data", Number(said)]]),
    );
    const forbidden = async () => sender.reclaimable?.([{ filesystem: "src/secret", snapshots }]);
    await expect(forbidden()).rejects.toThrow("does not allow access");
  });

  test("a receive that fails says why, and whether to try again", async () => {
    const both = await open(`${DATA}\n+ "dst/sink/${CLIENT}/src/data"\n+ "dst/sink/${CLIENT}/src/data@alien"`);
    await both.receiver.list();
    const request = await step(both.sender, "src/data", "two", "one");
    const error: unknown = await transfer(both, request).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: "no-common-snapshot", temporary: false });
  });

  test("confirm refuses a snapshot that is not what was announced", async () => {
    const both = await open(DATA);
    await both.receiver.list();
    const request = await step(both.sender, "src/data", "one");
    await transfer(both, request);
    const lie = { filesystem: "src/data", to: { ...request.to, guid: "7" }, guarantee: request.guarantee };
    const failures = await both.receiver.confirm([lie]);
    expect(failures.get("src/data")?.message).toContain("does not match what we received");
  });

  test("hold and bookmark what another tool has transferred, as adopt asks for it", async () => {
    const { sender, receiver, sim } = await open(`${DATA}\n+ "dst/sink/${CLIENT}/src"`);
    const target = `dst/sink/${CLIENT}/src/data`;
    sim.pipe(["zfs", "send", "src/data@one"], ["zfs", "recv", `${target}@one`]);
    const [sent, received] = [await sender.list(), await receiver.list()];
    const of = ({ filesystems }: typeof sent) => filesystems.find(({ filesystem }) => filesystem === "src/data");
    const step = (side: typeof sent): ConfirmedStep => ({
      ...{ filesystem: "src/data", guarantee: "guarantee_resumability" },
      to: find(of(side)?.versions ?? [], "one"),
    });
    expect(await receiver.confirm([step(received)])).toEqual(new Map());
    expect(await sender.complete([step(sent)])).toEqual(new Map());
    expect(sim.exec(["zfs", "holds", "-H", `${target}@one`]).stdout).toContain("zrepl_last_received_J_sink");
    expect(sim.exec(["zfs", "list", "-H", "-t", "bookmark", "-o", "name", "src/data"]).stdout).toMatch(
      /^src\/data#zrepl_CURSOR_G_[0-9a-f]{16}_J_source$/m,
    );
  });

  test("a diverged receiver is rolled back, or set aside, but only as it was planned", async () => {
    const both = await open(DATA);
    await both.receiver.list();
    await replicate(both, await step(both.sender, "src/data", "one"));
    play(both.sim, `+ "dst/sink/${CLIENT}/src/data@alien"`);
    const [state] = (await both.receiver.list()).filesystems.filter(({ filesystem }) => filesystem === "src/data");
    const [one, alien] = [find(state?.versions ?? [], "one"), find(state?.versions ?? [], "alien")];
    await expect(both.receiver.rollback("src/data", one, [])).rejects.toThrow("@alien appeared since this was planned");
    await both.receiver.rollback("src/data", one, [alien]);
    expect(both.sim.exec(["zfs", "list", `dst/sink/${CLIENT}/src/data@alien`]).exitCode).toBe(1);
    await both.receiver.setAside("src/data", ".diverged-1");
    expect(both.sim.exec(["zfs", "list", `dst/sink/${CLIENT}/src/data.diverged-1@one`]).exitCode).toBe(0);
  });
});

test("each side's pool features are told over the wire", async () => {
  const sim = world(DATA);
  const expected = (pool: string) => {
    const lines = sim.exec(["zpool", "get", "-Hpo", "property,value", "all", pool]).stdout;
    return [{ pool, features: parsePoolFeatures(lines) }];
  };
  const rig = new Rig(sim);
  cleanups.push(() => rig.dispose());
  for (const [role, pool] of [
    ["sink", "dst"],
    ["source", "src"],
  ] as const) {
    const options = { transport: rig.transport(), hello: hello(role) };
    const session = await Session.open({ ...options, warn: () => undefined });
    const endpoint =
      role === "sink" ? new RemoteReceiver({ ...options, session }) : new RemoteSender({ ...options, session });
    await endpoint.list();
    const found = await endpoint.poolFeatures();
    expect(found).toEqual(expected(pool));
    expect(found[0]?.features.get("lz4_compress")).toBe("active");
    await session.close();
  }
});

test("a session that was lost is opened again for the next attempt, and takes its own lock over", async () => {
  const sim = world(DATA);
  const rig = new Rig(sim);
  cleanups.push(() => rig.dispose());
  const transport = rig.transport();
  const open = (session: ReturnType<typeof hello>) =>
    Session.open({ transport, hello: session, warn: () => undefined });
  const first = hello("sink");
  const remoteOptions: RemoteOptions = {
    session: await open(first),
    transport,
    hello: first,
    reopen: async () => {
      remoteOptions.hello = hello("sink");
      remoteOptions.session = await open(remoteOptions.hello);
    },
  };
  const receiver = new RemoteReceiver(remoteOptions);
  await receiver.list();
  rig.killAll();
  await expect(receiver.clearResumeState("src/data")).rejects.toMatchObject({ temporary: true });
  await receiver.list();
  await receiver.clearResumeState("src/data");
  await remoteOptions.session.close();
});
