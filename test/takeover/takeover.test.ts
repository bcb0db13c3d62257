/** From zrepl to us and back, on the simulated ZFS: every state that zrepl leaves, and every state that we leave. */
import { describe, expect, test } from "vitest";
import { replicateLocked } from "../../src/replicate/run.ts";
import type { Fault } from "../crash/sim-runner.ts";
import { RECEIVER } from "../scenarios/lab.ts";
import { words } from "../sim/helpers.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { configOfJobs, invoke, lockFolder, type Outcome } from "../sim-invocation.ts";
import { grow, type Host, STATES, type State, stepText, takeSnapshots, Zrepl } from "./states.ts";
import { afterAStep, plan, readVersions, type Side, stale } from "./zrepl-rules.ts";

const KEEP = [{ type: "regex", regex: ".*" }];
const SERVE = { type: "local", listener_name: "here" };
const SENDER = "src/a b";
const PLACE = { sender: SENDER, receiver: `${RECEIVER}/${SENDER}`, push: "push job", sink: "sink job" };

function hostOf(sim: ZfsSimulator): Host {
  return {
    zfs: async (...args) => {
      sim.nowSec += 60;
      const { exitCode, stdout, stderr } = sim.exec(["zfs", ...args]);
      if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
      return stdout;
    },
    transfer: async (send, recv, cut) => {
      const options = cut === undefined ? {} : { cutAfterBytes: cut };
      const { recv: received } = sim.pipe(["zfs", "send", ...send], ["zfs", "recv", ...recv], options);
      if ((received.exitCode === 0) !== (cut === undefined)) throw new Error(`${send.join(" ")}: ${received.stderr}`);
    },
    write: async (filesystem) => sim.write(filesystem, 300_000),
    guid: async (snapshot) => BigInt(sim.exec(["zfs", "get", "-Hp", "-o", "value", "guid", snapshot]).stdout.trim()),
  };
}

/** Both pools with what zrepl has above the filesystem, and the state. */
async function build(state: State): Promise<{ sim: ZfsSimulator; host: Host }> {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  for (const pool of ["src", "dst"]) sim.addPool(pool);
  const host = hostOf(sim);
  await host.zfs("create", "dst/the sink");
  for (const name of [RECEIVER, `${RECEIVER}/src`])
    await host.zfs("create", "-o", "zrepl:placeholder=on", "-o", "mountpoint=none", name);
  await grow(host, [SENDER]);
  await state.build(new Zrepl(host, PLACE));
  return { sim, host };
}

async function push(sim: ZfsSimulator, options: { guarantee?: string; faults?: ReadonlyMap<number, Fault> } = {}) {
  const { guarantee = "guarantee_resumability", faults } = options;
  const config = await configOfJobs(
    [
      {
        ...{ type: "push", name: PLACE.push, connect: { ...SERVE, client_identity: "my client" } },
        ...{ filesystems: { "src<": true, src: false }, snapshotting: { type: "manual" } },
        pruning: { keep_sender: KEEP, keep_receiver: KEEP },
        replication: { protection: { initial: guarantee, incremental: guarantee } },
      },
      {
        ...{ type: "sink", name: PLACE.sink, serve: SERVE, root_fs: "dst/the sink" },
        recv: { placeholder: { encryption: "inherit" } },
      },
    ],
    lockFolder(),
  );
  const [job] = config.jobs;
  if (job?.type !== "push") throw new Error("no push job");
  return invoke({ sim, config, ...(faults === undefined ? {} : { faults }) }, async (invocation) => {
    const { failed } = await replicateLocked(job, invocation);
    if (failed > 0) throw new Error("a filesystem failed");
  });
}

const steps = ({ events }: Outcome) =>
  events.flatMap((event) => (event.event === "stepStarted" ? [stepText(event)] : []));

/** A filesystem as zrepl lists it; undefined = it is not there. */
function side(sim: ZfsSimulator, filesystem: string): Side | undefined {
  const run = (line: string, ...rest: readonly string[]) => sim.exec([...words(line), ...rest]);
  const list = run("zfs list -Hp -r -d 1 -t bookmark,snapshot -o name,guid,createtxg", filesystem);
  if (list.exitCode !== 0) return undefined;
  const versions = readVersions(list.stdout, "").map(({ name }) => filesystem + name);
  const snapshots = versions.filter((name) => name.includes("@"));
  const holds = snapshots.length === 0 ? "" : run("zfs holds -H", ...snapshots).stdout;
  const [value, source] = run("zfs get -Hp -o value,source zrepl:placeholder", filesystem).stdout.trim().split("\t");
  const partial = sim.world.pools["dst"]?.datasets[filesystem]?.partial;
  const token =
    partial?.resumable === true
      ? { toguid: BigInt(partial.toguid), fromguid: partial.fromguid === null ? undefined : BigInt(partial.fromguid) }
      : undefined;
  return {
    filesystem,
    versions: readVersions(list.stdout, holds),
    placeholder: source === "local" ? value : undefined,
    token,
  };
}

/** Both sides; they have to be there. */
function sides(sim: ZfsSimulator): [Side, Side] {
  const [sender, receiver] = [side(sim, PLACE.sender), side(sim, PLACE.receiver)];
  if (sender === undefined || receiver === undefined) throw new Error(sim.dump());
  return [sender, receiver];
}

describe.each(STATES)("zrepl's $name", (state) => {
  test.each(["guarantee_resumability", "guarantee_incremental"])(
    "is taken over with %s, and given back as zrepl leaves it",
    async (guarantee) => {
      const { sim, host } = await build(state);
      const first = await push(sim, { guarantee });
      expect(first.error, first.log.join("\n")).toBeUndefined();
      expect(steps(first)).toEqual(state.steps);
      expect(afterAStep(...sides(sim), PLACE)).toEqual([]);
      expect(plan(...sides(sim))).toBe("nothing");
      await takeSnapshots(host, [SENDER], "4");
      expect(plan(...sides(sim))).toBe("@3 → @4");
      expect(steps(await push(sim, { guarantee }))).toEqual(["@3 → @4"]);
      expect(afterAStep(...sides(sim), PLACE)).toEqual([]);
    },
  );

  test("can be taken over half, and zrepl goes on: wherever our run is stopped", async () => {
    const operations = (await push((await build(state)).sim)).runner.operations.length;
    for (let operation = 0; operation < operations; operation++)
      for (const fault of [
        { kind: "crash", when: "after" },
        { kind: "crashMid", bytes: 100_000 },
      ] as const) {
        const { sim } = await build(state);
        await push(sim, { faults: new Map([[operation, fault]]) });
        const sender = side(sim, PLACE.sender);
        if (sender === undefined) throw new Error("the sender is gone");
        const next = plan(sender, side(sim, PLACE.receiver));
        expect(next, `stopped at operation ${operation}`).toMatch(/^(nothing|(resume )?(full|[@#].+) → @.+|full @3)$/);
      }
  });
});

test("what a finished run leaves has nothing stale in it", async () => {
  for (const state of STATES) {
    const { sim } = await build(state);
    await push(sim);
    const [sender, receiver] = sides(sim);
    expect([...stale(sender, PLACE.push), ...stale(receiver, PLACE.sink)]).toEqual([]);
  }
});

test("another job's abstractions, and what was tampered with, stay as they are", async () => {
  const { sim } = await build(STATES[3] ?? fail());
  const other = new Zrepl(hostOf(sim), { ...PLACE, push: "other", sink: "other sink" });
  for (const snapshot of ["1", "2"]) await other.cursor(snapshot);
  await other.tentative("1");
  await other.stepHold("1", "3");
  await other.lastReceived("1");
  const tampered = `${SENDER}#zrepl_CURSOR_G_0123456789abcdef_J_push job`;
  sim.exec(["zfs", "bookmark", `${SENDER}@1`, tampered]);
  const foreign = () =>
    sides(sim).flatMap(({ versions }) =>
      versions.flatMap(({ name, tags }) => [
        ...(name.endsWith("_J_other") || tampered.endsWith(name) ? [name] : []),
        ...tags.filter((tag) => /_J_other( sink)?$/.test(tag)).map((tag) => `${name} ${tag}`),
      ]),
    );
  const before = foreign();
  expect(before).toHaveLength(7);
  expect((await push(sim)).error).toBeUndefined();
  expect(foreign()).toEqual(before);
});

test("a placeholder that zrepl had begun to replace is explained, as zrepl can't go on from there either", async () => {
  const { sim } = await build({
    name: "replaced",
    build: async (zrepl) => {
      await zrepl.placeholder("on");
      await zrepl.replacePlaceholder();
    },
    steps: [],
  });
  expect(plan(...sides(sim))).toBe("error: destination exists");
  expect((await push(sim)).log.join()).toMatch(
    /has no snapshots\n.*if it holds nothing of value, on the receiver: zfs destroy/,
  );
});

function fail(): never {
  throw new Error("no such state");
}
