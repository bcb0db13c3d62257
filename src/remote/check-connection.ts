/** What `doctor` looks at on the way to the other side, and on the other side. */
import type { Connect, PullJob, PushJob, SendOptions, SinkJob, SourceJob } from "../config/config.ts";
import { listingFor } from "../endpoint/filter-roots.ts";
import { localPeer } from "../endpoint/open.ts";
import type { Invocation } from "../invocation.ts";
import { listDatasets } from "../zfs/list.ts";
import { poolOf } from "../zfs/name.ts";
import { type PoolFeatures, readPoolFeatures } from "../zfs/pool-features.ts";
import type { Runner } from "../zfs/runner.ts";
import { connectReceiver, connectSender } from "./connect.ts";
import { compareFeatures } from "./feature-check.ts";
import { type Finding, failure } from "./finding.ts";
import type { Welcome } from "./handshake.ts";

/** More than this and snapshots' ages differ visibly between the sides. */
const MAX_SKEW_SEC = 60;

export async function* checkConnection(
  job: PushJob | PullJob,
  connect: Connect,
  invocation: Invocation,
): AsyncGenerator<Finding> {
  const { config, env = {}, interrupted: signal, nowMs } = invocation;
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const options = { job: job.name, runDir: config.global.lockDir, env, signal, lockWaitSec: 0, warn };
  const startMs = performance.now();
  try {
    const open = job.type === "pull" ? connectSender : connectReceiver;
    const { endpoint, welcome, peer, close } = await open(connect, options);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    try {
      const detail = `${peer} answers after ${seconds} s: zrepl-run ${welcome.version}, job ${welcome.job}`;
      yield { check: "connection", status: "ok", detail };
      yield* judged(welcome, nowMs(), peer);
      const listing = await endpoint.list();
      yield { check: "listing", status: "ok", detail: `${peer} shows ${listing.filesystems.length} filesystems` };
      for (const detail of listing.problems) yield { check: "listing", status: "warn", detail };
      yield* checkFeatures(job, await endpoint.poolFeatures(), peer, invocation);
    } finally {
      await close();
    }
  } catch (error) {
    yield failure("connection", "the other side", error);
  }
  for (const detail of warnings) yield { check: "connection", status: "warn", detail };
}

function* judged({ clockSec, permissions }: Welcome, nowMs: number, peer: string): Generator<Finding> {
  const skewSec = Math.round(clockSec - nowMs / 1000);
  const detail = `the clock of ${peer} is ${Math.abs(skewSec)} s ${skewSec > 0 ? "ahead" : "behind"}`;
  if (Math.abs(skewSec) > MAX_SKEW_SEC)
    yield { check: "clock", status: "warn", detail, remedy: "let both follow the same time (ntp)" };
  else yield { check: "clock", status: "ok", detail: `clocks agree within ${Math.abs(skewSec)} s` };
  if (permissions.prune) return;
  const remedy = "prune there by a job of that side, or set permissions.prune";
  yield { check: "prune", status: "warn", detail: `${peer} does not let this job prune there`, remedy };
}

/** `theirs`: of the pools of the other side. */
async function* checkFeatures(
  job: PushJob | PullJob,
  theirs: readonly PoolFeatures[],
  peer: string,
  { runner }: Invocation,
): AsyncGenerator<Finding> {
  const ours = await featuresOf(await localPools(job, runner), runner);
  if (ours.length === 0 || theirs.length === 0) {
    const whose = ours.length === 0 ? "this host" : peer;
    yield { check: "features", status: "warn", detail: `${whose} does not say what features its pools have` };
  } else if (job.type === "push") yield* compareAll(ours, theirs, job.send);
  else yield* compareAll(theirs, ours, undefined);
}

function* compareAll(
  senders: readonly PoolFeatures[],
  receivers: readonly PoolFeatures[],
  send: SendOptions | undefined,
): Generator<Finding> {
  for (const sender of senders) for (const receiver of receivers) yield* compareFeatures(sender, receiver, send);
}

/** The other side of a job with a `local` connect is in the same config: only the pools can be looked at. */
export async function* checkLocalPeer(job: PushJob | PullJob, invocation: Invocation): AsyncGenerator<Finding> {
  const { config, runner } = invocation;
  const peer = localPeer(job, config, job.type === "push" ? "sink" : "source");
  const theirs = await featuresOf(await localPools(peer, runner), runner);
  yield* checkFeatures(job, theirs, `job ${peer.name}`, invocation);
}

/** The pools of this host that a job works on. */
async function localPools(job: PushJob | PullJob | SinkJob | SourceJob, runner: Runner) {
  if ("rootFs" in job) return [poolOf(job.rootFs)];
  const { filesystems } = await listDatasets(runner, listingFor(job.filesystems));
  return [...new Set([...filesystems.keys()].filter((name) => job.filesystems.match(name)).map(poolOf))];
}

async function featuresOf(pools: readonly string[], runner: Runner): Promise<PoolFeatures[]> {
  const found = await Promise.all(pools.map((pool) => readPoolFeatures(runner, pool)));
  return found.filter((features) => features !== undefined);
}
