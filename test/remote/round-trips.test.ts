/** What a slow link costs: how many questions replication asks over the wire, and how many of them wait for each other. */
import { afterEach, expect, test, vi } from "vitest";
import { LocalReceiver } from "../../src/endpoint/local-receiver.ts";
import { LocalSender } from "../../src/endpoint/local-sender.ts";
import { RemoteReceiver } from "../../src/remote/remote-receiver.ts";
import { RemoteSender } from "../../src/remote/remote-sender.ts";
import { Session } from "../../src/remote/session.ts";
import { executeReplication } from "../../src/replicate/execute.ts";
import { planReplication } from "../../src/replicate/plan.ts";
import { load } from "../config/files.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { CLIENT, hello, Rig } from "./rig.ts";
import { StreamRunner } from "./stream-runner.ts";

const N = 20;
const STEPS_AT_ONCE = 4;

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Questions by verb, and the most that were open at once. */
function recordQuestions() {
  const asked: Record<string, number> = {};
  const most = { open: 0 };
  let open = 0;
  const call = Session.prototype.call;
  vi.spyOn(Session.prototype, "call").mockImplementation(async function (this: Session, verb, ...rest) {
    asked[verb] = (asked[verb] ?? 0) + 1;
    most.open = Math.max(most.open, ++open);
    try {
      return await call.call(this, verb, ...rest);
    } finally {
      open--;
    }
  });
  return { asked, most };
}

async function replicate(role: "sink" | "source") {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  for (const pool of ["src", "dst"]) sim.addPool(pool);
  const names = Array.from({ length: N }, (_, index) => `src/data${index}`);
  play(sim, ['+ "dst/sink"', ...names.flatMap((name) => [`+ "${name}"`, `+ "${name}@one"`])].join("\n"));
  const rig = new Rig(sim);
  cleanups.push(() => rig.dispose());
  const remote = { transport: rig.transport(), hello: hello(role) };
  const session = await Session.open({ ...remote, warn: () => undefined });
  cleanups.push(() => session.close());
  const config = await load(`
jobs:
  - {type: source, name: source, filesystems: {"src<": true, "src": false}, snapshotting: {type: manual}, serve: {type: local, listener_name: a}}
  - {type: pull, name: pull, connect: {type: local, listener_name: a, client_identity: c}, root_fs: dst/sink, interval: manual, recv: {placeholder: {encryption: inherit}}, pruning: {keep_sender: [{type: last_n, count: 1}], keep_receiver: [{type: last_n, count: 1}]}}`);
  const [source, pull] = config.jobs;
  if (source?.type !== "source" || pull?.type !== "pull") throw new Error("no jobs");
  const runner = new StreamRunner(sim, new AbortController().signal);
  const here = { runner, warn: () => undefined };
  const { filesystems: filter, send } = source;
  const sender =
    role === "source"
      ? new RemoteSender({ ...remote, session })
      : new LocalSender({ ...here, job: "source", filter, send });
  const { rootFs, recv } = pull;
  const receiver =
    role === "sink"
      ? new RemoteReceiver({ ...remote, session })
      : new LocalReceiver({ ...here, job: "pull", rootFs, clientIdentity: CLIENT, recv });
  const [senderSide, receiverSide] = await Promise.all([sender.list(), receiver.list()]);
  const plan = planReplication({
    sender: senderSide.filesystems,
    receiver: receiverSide.filesystems,
    tokens: new Map(),
    senderJob: sender.job,
    receiverJob: receiver.job,
    policy: { replication: pull.replication, conflictResolution: pull.conflictResolution },
    setAsideSuffix: ".diverged",
  });
  const never = new AbortController().signal;
  const questions = recordQuestions();
  const results = await executeReplication(
    { filesystems: plan.filesystems.filter(({ filesystem }) => filesystem !== "src") },
    {
      ...{
        sender,
        receiver,
        runner,
        concurrency: STEPS_AT_ONCE,
        stallTimeoutSec: 0,
        interrupted: never,
        timeUp: never,
      },
      window: { maxSteps: 100, maxDelaySec: 1000 },
      listener: { stepStarted: () => undefined, stepProgress: () => undefined, stepDone: () => undefined },
      nowMs: () => 0,
    },
  );
  return { ...questions, results };
}

test.each([
  { role: "sink" as const, asked: { receive: N, confirm: 1 } },
  { role: "source" as const, asked: { prepare: 1, send: N, complete: 1 } },
])("$role: one question for a small step, as many at once as steps; one or two for a window", async (expected) => {
  const { asked, most, results } = await replicate(expected.role);
  expect(results).toHaveLength(N);
  for (const { filesystem, stepsDone, error } of results)
    expect([filesystem, stepsDone, error]).toEqual([filesystem, 1, undefined]);
  expect(asked).toEqual(expected.asked);
  expect(most.open).toBe(STEPS_AT_ONCE);
});
