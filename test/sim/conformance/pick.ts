import type { Random } from "../../random.ts";
import type { ZfsSimulator } from "../simulator.ts";
import type { Dataset } from "../world.ts";

/** Names that operations choose from. */
export const SNAPSHOT_NAMES = ["s1", "s2", "s3", "s4", "s 5"];
export const BOOKMARK_NAMES = ["b1", "b2", "b3"];

/** Picks names in the simulated world: mostly such as exist. */
export class NamePicker {
  readonly #sim: ZfsSimulator;
  readonly #random: Random;
  readonly #source: string;

  constructor(sim: ZfsSimulator, random: Random, source: string) {
    this.#sim = sim;
    this.#random = random;
    this.#source = source;
  }

  /** All filesystems and volumes, by name. */
  datasets(): Dataset[] {
    return Object.values(this.#sim.world.pools)
      .flatMap((pool) => Object.values(pool.datasets))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A dataset that is there, mostly; below the pools only if `below`. */
  fs(below = true): string {
    const all = this.datasets().map((dataset) => dataset.name);
    const wanted = below ? all.filter((name) => name.includes("/")) : all;
    if (wanted.length === 0 || this.#random.chance(0.04)) return `${this.#source}/nope`;
    return this.#random.pick(wanted);
  }

  /** A name for a new one, with a parent that is there. */
  newFs(): string {
    const parents = this.datasets()
      .map((dataset) => dataset.name)
      .filter((name) => name.split("/").length < 4);
    return `${this.#random.pick(parents)}/${this.#random.pick(["a", "b", "c-d", "e f"])}`;
  }

  /** A snapshot that is there, mostly. */
  snap(fs?: string): string {
    const all = this.datasets()
      .filter((dataset) => fs === undefined || dataset.name === fs)
      .flatMap((dataset) => dataset.snapshots.map((snapshot) => `${dataset.name}@${snapshot.name}`));
    if (all.length === 0 || this.#random.chance(0.05)) return `${fs ?? this.fs()}@${this.#random.pick(SNAPSHOT_NAMES)}`;
    return this.#random.pick(all);
  }

  /** A bookmark that is there, mostly. */
  bookmark(fs?: string): string {
    const all = this.datasets()
      .filter((dataset) => fs === undefined || dataset.name === fs)
      .flatMap((dataset) => dataset.bookmarks.map((bookmark) => `${dataset.name}#${bookmark.name}`));
    if (all.length === 0 || this.#random.chance(0.05)) return `${fs ?? this.fs()}#${this.#random.pick(BOOKMARK_NAMES)}`;
    return this.#random.pick(all);
  }
}
