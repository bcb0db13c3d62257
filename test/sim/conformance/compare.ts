import type { Random } from "../../random.ts";
import { EXIT_SIGPIPE } from "../exit-codes.ts";
import { findDataset } from "../lookup.ts";
import type { ZfsSimulator } from "../simulator.ts";
import { Generator } from "./generate.ts";
import type { Names } from "./generate-transfer.ts";
import { compareListings, GuidMap } from "./listing.ts";
import { describeOperation, type Operation, type Outcome } from "./operation.ts";
import type { RealZfs } from "./real.ts";
import { type SimulatedZfs, sameExit } from "./simulated.ts";

/** Where the two sides differ, with all operations up to there. */
export interface Disagreement {
  readonly operations: readonly string[];
  readonly differences: readonly string[];
}

/** Leaves out what cannot be equal: tokens, sizes, times, and examples that ZFS takes in hash order. */
function normalise(text: string): string {
  return text
    .replace(/\b1-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+/g, "TOKEN")
    .replace(/[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d \d{4}/g, "TIME")
    .replace(/^(reclaim|size)\t\d+$/gm, "$1\tSIZE")
    .replace(/^((?:full|incremental)\t.*)\t\d+$/gm, "$1\tSIZE")
    .replace(/(estimated size is|reclaim) [\d.]+[BKMGT]/g, "$1 SIZE")
    .replace(/\(eg\. [^)]*\)/g, "(eg. SNAP)")
    .replace(/^\t(object|offset|bytes|toguid|fromguid) = 0x[0-9a-f]+$/gm, "\t$1 = NUMBER");
}

const sortLines = (text: string): string => text.split("\n").sort().join("\n");

/** Commands that name several datasets in the order of an on-disk hash table. */
function isUnordered(operation: Operation): boolean {
  if (operation.do !== "exec") return false;
  return ["destroy", "snapshot", "rollback", "holds"].includes(operation.argv[1] ?? "");
}

/**
 * Not modelled: whether a volume's increment without writes is quite empty. Only if it is does receiving it once more fail;
 * either way nothing changes (the listings are compared all the same).
 */
function isKnownGap(operation: Operation, real: Outcome, simulated: Outcome, sim: ZfsSimulator): boolean {
  if (operation.do !== "pipe") return false;
  const sent = operation.send.at(-1)?.split("@", 1)[0] ?? "";
  if (findDataset(sim.world, sent)?.kind !== "volume") return false;
  const refused = /^cannot receive: failed to read from stream\ncannot restore to .*: destination already exists\n$/;
  return refused.test(real.stderr[1] ?? "") && simulated.stderr[1] === "";
}

function compareOutcomes(operation: Operation, real: Outcome, simulated: Outcome, sim: ZfsSimulator): string[] {
  if (isKnownGap(operation, real, simulated, sim)) return [];
  const differences: string[] = [];
  const shown = (text: string): string => (isUnordered(operation) ? sortLines(normalise(text)) : normalise(text));
  const texts: [string, string, string][] = [
    ["stdout", real.stdout, simulated.stdout],
    ...real.stderr.map((text, i): [string, string, string] => [`stderr ${i + 1}`, text, simulated.stderr[i] ?? ""]),
  ];
  const isCutShort = operation.do === "pipe" && real.exitCodes[0] === EXIT_SIGPIPE;
  for (const [what, left, right] of texts.filter(([name]) => name !== "stderr 1" || !isCutShort))
    if (shown(left) !== shown(right))
      differences.push(`${what}: real ${JSON.stringify(left)}, simulated ${JSON.stringify(right)}`);
  const equal = real.exitCodes.every(
    (code, i) => (i === 0 && isCutShort) || sameExit(code, simulated.exitCodes[i] ?? -1),
  );
  if (!equal) differences.push(`exit codes: real ${real.exitCodes}, simulated ${simulated.exitCodes}`);
  return differences;
}

/** The first operations only make things, so that there is something to work on. */
const WARM_UP = 5;

/** Runs one sequence on both. Goes on after different words, but not after the two worlds have come apart. */
export async function runSequence(
  real: RealZfs,
  simulated: SimulatedZfs,
  random: Random,
  names: Names,
  length: number,
  trace: (line: string) => void,
): Promise<Disagreement[]> {
  const generator = new Generator(simulated.sim, random, names);
  const guids = new GuidMap();
  const operations: string[] = [];
  const found: Disagreement[] = [];
  for (let step = 0; step < length; step++) {
    const operation = step < WARM_UP ? generator.start() : generator.next();
    operations.push(describeOperation(operation));
    trace(`  ${operations.at(-1)}`);
    simulated.sim.nowSec = Math.floor(Date.now() / 1000);
    const [left, right] = [await real.run(operation), simulated.run(operation)];
    const outcomes = compareOutcomes(operation, left, right, simulated.sim);
    const listings = compareListings(real.rows, simulated.rows(), guids);
    const differences = [...outcomes, ...listings];
    for (const difference of differences) trace(`  => ${difference}`);
    if (differences.length > 0) found.push({ operations: [...operations], differences });
    if (listings.length > 0) break;
  }
  return found;
}
