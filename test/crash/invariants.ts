/** What must hold between any two operations, and what must hold when all is done. */
import { cursorName, lastReceivedHoldTag, stepHoldTag } from "../../src/zfs/abstraction.ts";
import type { ZfsSimulator } from "../sim/simulator.ts";
import type { Dataset, Snapshot } from "../sim/world.ts";
import { RECEIVER_JOB, RECEIVER_ROOT, type Scenario, SENDER_JOB } from "./scenario.ts";

/** A broken promise, with the world it was broken in. */
export class Violation extends Error {
  constructor(what: string, sim: ZfsSimulator) {
    super(`${what}\n${sim.dump()}`);
  }
}

/** Watches one world through its runs. */
export class Watch {
  readonly #scenario: Scenario;
  /** guids of snapshots by dataset, as far as nobody but us may have destroyed them. */
  readonly #known = new Map<string, Set<string>>();
  readonly #foreign: readonly string[];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#foreign = foreignAbstractions(scenario.sim);
  }

  /** Somebody else has just changed the world: what is missing now is not our loss. */
  resync(sim: ZfsSimulator): void {
    this.#known.clear();
    for (const dataset of allDatasets(sim)) this.#nothingLost(dataset, sim);
  }

  /** Holds at every moment. */
  check(sim: ZfsSimulator): void {
    for (const dataset of allDatasets(sim)) this.#nothingLost(dataset, sim);
    for (const [sender, receiver] of pairs(this.#scenario, sim)) this.#baseExists(sender, receiver, sim);
  }

  #nothingLost(dataset: Dataset, sim: ZfsSimulator): void {
    const known = this.#known.get(dataset.name) ?? new Set<string>();
    this.#known.set(dataset.name, known);
    const present = new Set(dataset.snapshots.map(({ guid }) => guid));
    for (const guid of known) if (!present.has(guid)) throw new Violation(`${dataset.name} lost snapshot ${guid}`, sim);
    for (const guid of present) known.add(guid);
  }

  /** The receiver's newest snapshot is a base: the sender has it, or a bookmark of it. */
  #baseExists(sender: Dataset, receiver: Dataset, sim: ZfsSimulator): void {
    const newest = receiver.snapshots.at(-1);
    const has =
      newest === undefined || [...sender.snapshots, ...sender.bookmarks].some(({ guid }) => guid === newest.guid);
    if (!has) throw new Violation(`${sender.name} has no base for the receiver's @${newest.name}`, sim);
    if (this.#scenario.hostile) cursorIsCovered(sender, receiver, sim);
    if (receiver.partial === null || receiver.partial.receiver !== null) return;
    const { toguid, fromguid } = receiver.partial;
    const { initial, incremental } = this.#scenario.job.replication.protection;
    if ((fromguid === null ? initial : incremental) !== "guarantee_resumability") return;
    if (!sender.snapshots.some(({ guid }) => guid === toguid))
      throw new Violation(`${sender.name}: @to of an interrupted receive is gone`, sim);
  }

  /** Holds when a run without faults has ended well, and another one found nothing to do. */
  checkConverged(sim: ZfsSimulator): void {
    this.check(sim);
    const guarantee = this.#scenario.job.replication.protection.incremental;
    for (const [sender, receiver] of expectedPairs(this.#scenario, sim)) {
      const newest = sender.snapshots.at(-1);
      if (newest === undefined && (receiver?.snapshots.length ?? 0) === 0) continue;
      const received = receiver?.snapshots.at(-1);
      // Somebody may have destroyed the sender's newest snapshots after they were replicated.
      const base = [...sender.snapshots, ...sender.bookmarks].find(({ guid }) => guid === received?.guid);
      if (
        receiver === undefined ||
        received === undefined ||
        base === undefined ||
        (newest !== undefined && newest.createtxg > base.createtxg)
      )
        throw new Violation(`${sender.name} is not replicated to @${newest?.name}`, sim);
      if (receiver.partial !== null) throw new Violation(`${receiver.name} still has a partial receive`, sim);
      if (receiver.props["zrepl:placeholder"]?.local === "on")
        throw new Violation(`${receiver.name} is marked as placeholder`, sim);
      sameContent(sender, receiver, sim);
      senderIsTidy(sender, guarantee === "guarantee_nothing" ? [] : [cursorName(SENDER_JOB, received.guid)], sim);
      receiverIsTidy(receiver, guarantee === "guarantee_nothing" ? [] : [received.name], sim);
    }
    const foreign = new Set(foreignAbstractions(sim));
    for (const line of this.#foreign)
      if (!foreign.has(line)) throw new Violation(`foreign abstraction is gone: ${line}`, sim);
  }
}

/** The sender's cursor says what the receiver is sure to keep: its last-received hold is there or further on. */
function cursorIsCovered(sender: Dataset, receiver: Dataset, sim: ZfsSimulator): void {
  const cursor = sender.bookmarks.filter(({ name }) => /^zrepl_CURSOR_G_/.test(name)).at(-1);
  if (cursor === undefined) return;
  const tag = lastReceivedHoldTag(RECEIVER_JOB);
  const held = receiver.snapshots.findLastIndex(({ holds }) => tag in holds);
  const at = receiver.snapshots.findIndex(({ guid }) => guid === cursor.guid);
  if (held < 0 || held < at) throw new Violation(`${sender.name}: the cursor is ahead of the receiver's hold`, sim);
}

function sameContent(sender: Dataset, receiver: Dataset, sim: ZfsSimulator): void {
  const byGuid = new Map(sender.snapshots.map((snapshot) => [snapshot.guid, snapshot]));
  for (const snapshot of receiver.snapshots) {
    const original = byGuid.get(snapshot.guid);
    if (original !== undefined && JSON.stringify(sorted(original)) !== JSON.stringify(sorted(snapshot)))
      throw new Violation(`${receiver.name}@${snapshot.name} differs from the original`, sim);
  }
}

function sorted({ content }: Snapshot): [string, number][] {
  return Object.entries(content)
    .map(([id, { stamp }]): [string, number] => [id, stamp])
    .sort();
}

function senderIsTidy(sender: Dataset, expected: readonly string[], sim: ZfsSimulator): void {
  const own = sender.bookmarks.map(({ name }) => name).filter((name) => name.endsWith(`_J_${SENDER_JOB}`));
  if (JSON.stringify(own) !== JSON.stringify(expected))
    throw new Violation(`${sender.name}: our bookmarks are ${own}`, sim);
  for (const snapshot of sender.snapshots)
    if (stepHoldTag(SENDER_JOB) in snapshot.holds)
      throw new Violation(`${sender.name}@${snapshot.name} has a stale step hold`, sim);
}

function receiverIsTidy(receiver: Dataset, expected: readonly string[], sim: ZfsSimulator): void {
  const tag = lastReceivedHoldTag(RECEIVER_JOB);
  const held = receiver.snapshots.filter(({ holds }) => tag in holds).map(({ name }) => name);
  if (JSON.stringify(held) !== JSON.stringify(expected))
    throw new Violation(`${receiver.name}: last-received holds on ${held}`, sim);
}

function allDatasets(sim: ZfsSimulator): Dataset[] {
  return Object.values(sim.world.pools).flatMap((pool) => Object.values(pool.datasets));
}

function pairs(scenario: Scenario, sim: ZfsSimulator): [Dataset, Dataset][] {
  return expectedPairs(scenario, sim).flatMap(([sender, receiver]) =>
    receiver === undefined ? [] : [[sender, receiver] as [Dataset, Dataset]],
  );
}

function expectedPairs({ job }: Scenario, sim: ZfsSimulator): [Dataset, Dataset | undefined][] {
  const receivers = sim.world.pools["dst"]?.datasets ?? {};
  return Object.values(sim.world.pools["src"]?.datasets ?? {})
    .filter(({ name }) => job.filesystems.match(name))
    .map((sender) => [sender, receivers[`${RECEIVER_ROOT}/${sender.name}`]]);
}

/** Bookmarks and holds that are not this job's, as text. Those on snapshots that are gone went with them. */
function foreignAbstractions(sim: ZfsSimulator): string[] {
  const lines: string[] = [];
  for (const { name, bookmarks, snapshots } of allDatasets(sim)) {
    for (const bookmark of bookmarks)
      if (!bookmark.name.endsWith(`_J_${SENDER_JOB}`)) lines.push(`${name}#${bookmark.name} ${bookmark.guid}`);
    for (const snapshot of snapshots)
      for (const tag of Object.keys(snapshot.holds))
        if (tag !== stepHoldTag(SENDER_JOB) && tag !== lastReceivedHoldTag(RECEIVER_JOB))
          lines.push(`${name}@${snapshot.name} ${tag}`);
  }
  return lines;
}
