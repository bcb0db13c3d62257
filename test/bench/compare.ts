/** Several commands that do the same work, measured in turn, as ratios to the first one: the floor. */
import { readFileSync } from "node:fs";
import { newRecorder, type Recorder, total } from "../zfs/recorder.ts";
import { type Command, measure, type Sample } from "./measure.ts";
import { type Ratio, ratioOf, type Summary, summarize } from "./statistics.ts";

export interface Contender extends Command {
  readonly name: string;
  /** Puts the world into the state that is measured; not timed. */
  readonly prepare?: () => Promise<void>;
}

export interface Comparison {
  readonly work: string;
  readonly size: string;
  /** What the ratios are of. */
  readonly by: "wall" | "cpu";
  /** The first one is the floor. */
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** Before each round; not timed. */
  readonly beforeRound?: (round: number) => Promise<void>;
  /** Where the pools' txgs are counted. */
  readonly pools?: readonly string[];
  /** For the recorder; absent = processes are not counted. */
  readonly dir?: string;
}

export interface Result {
  readonly name: string;
  readonly wallSec: Summary;
  readonly cpuSec: Summary;
  readonly nodeCpuSec: Summary | undefined;
  readonly nodePeakMib: number | undefined;
  /** undefined = this is the floor. */
  readonly ratio: Ratio | undefined;
  readonly counts: Counts | undefined;
}

/** Of a round that is not timed. */
export interface Counts {
  readonly zfs: number;
  readonly ssh: number;
  readonly txgs: number | undefined;
}

export interface Row {
  readonly work: string;
  readonly size: string;
  readonly by: "wall" | "cpu";
  readonly rounds: number;
  readonly results: readonly Result[];
}

export async function compare(comparison: Comparison): Promise<Row> {
  const { work, size, by, contenders, rounds, beforeRound, dir } = comparison;
  console.error(`bench: ${work}: ${size}`);
  const counts = new Map<string, Counts>();
  if (dir !== undefined) {
    const recorder = await newRecorder(dir);
    await beforeRound?.(0);
    for (const contender of contenders) counts.set(contender.name, await count(contender, recorder, comparison));
  }
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    await beforeRound?.(round);
    const turn = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of turn) {
      if (contender === undefined) continue;
      await contender.prepare?.();
      samples.get(contender.name)?.push(await measure(contender));
    }
  }
  const floor = samples.get(contenders[0]?.name ?? "") ?? [];
  const seconds = (own: readonly Sample[]) => own.map(({ wallSec, cpuSec }) => (by === "wall" ? wallSec : cpuSec));
  const results = contenders.map(({ name }, index): Result => {
    const own = samples.get(name) ?? [];
    const nodeCpu = own.flatMap(({ nodeCpuSec }) => nodeCpuSec ?? []);
    const peaks = own.flatMap(({ nodePeakMib }) => nodePeakMib ?? []);
    return {
      name,
      wallSec: summarize(own.map(({ wallSec }) => wallSec)),
      cpuSec: summarize(own.map(({ cpuSec }) => cpuSec)),
      nodeCpuSec: nodeCpu.length === 0 ? undefined : summarize(nodeCpu),
      nodePeakMib: peaks.length === 0 ? undefined : Math.max(...peaks),
      ratio: index === 0 ? undefined : ratioOf(seconds(own), seconds(floor)),
      counts: counts.get(name),
    };
  });
  return { work, size, by, rounds, results };
}

async function count(contender: Contender, recorder: Recorder, { pools = [] }: Comparison): Promise<Counts> {
  await contender.prepare?.();
  const before = pools.map(newestTxg);
  await measure({ ...contender, env: { ...contender.env, ...recorder.env } });
  const after = pools.map(newestTxg);
  const calls = recorder.take();
  const txgs = after.reduce<number | undefined>((sum, txg, index) => {
    const start = before[index];
    return sum === undefined || txg === undefined || start === undefined ? undefined : sum + txg - start;
  }, 0);
  return { zfs: total(calls, "zfs", "zpool"), ssh: total(calls, "ssh"), txgs: pools.length === 0 ? undefined : txgs };
}

function newestTxg(pool: string): number | undefined {
  try {
    const [last = ""] = readFileSync(`/proc/spl/kstat/zfs/${pool}/txgs`, "utf8").trimEnd().split("\n").slice(-1);
    const txg = Number(last.trim().split(/\s+/)[0]);
    return Number.isNaN(txg) ? undefined : txg;
  } catch {
    return undefined; // no such statistics on this platform
  }
}
