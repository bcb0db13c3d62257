/** What zrepl leaves on disk, built by hand: after each point of its algorithm for a step (zrepl-behaviour.md §3.5, §4.9). */
import { createHash } from "node:crypto";

/** Where a state is built: the simulated or the real ZFS. */
export interface Host {
  zfs(...args: readonly string[]): Promise<string>;
  /** `zfs send … | zfs recv …`; with `cut` only so many bytes arrive, and it fails. */
  transfer(send: readonly string[], recv: readonly string[], cut?: number): Promise<void>;
  /** Writes some 300 KiB. */
  write(filesystem: string): Promise<void>;
  guid(snapshot: string): Promise<bigint>;
}

/** Filesystems with @1, @2, @3, as every state starts. */
export async function grow(host: Host, filesystems: readonly string[]): Promise<void> {
  for (const filesystem of filesystems) await host.zfs("create", "-p", filesystem);
  for (const snapshot of ["1", "2", "3"]) await takeSnapshots(host, filesystems, snapshot);
}

export async function takeSnapshots(host: Host, filesystems: readonly string[], name: string): Promise<void> {
  for (const filesystem of filesystems) await host.write(filesystem);
  await host.zfs("snapshot", ...filesystems.map((filesystem) => `${filesystem}@${name}`));
}

export interface Place {
  readonly sender: string;
  readonly receiver: string;
  readonly push: string;
  readonly sink: string;
}

export interface State {
  readonly name: string;
  /** Starts from `grow`. */
  readonly build: (zrepl: Zrepl) => Promise<void>;
  /** The steps of our first run. */
  readonly steps: readonly string[];
  /** Like another one as far as ZFS goes: not worth the time of the real one. */
  readonly simulatedOnly?: true;
}

/** Bytes after which a stream is cut: some of the data is there, not all. */
const CUT = 150_000;

/** zrepl's operations on one filesystem. */
export class Zrepl {
  readonly #host: Host;
  readonly #place: Place;

  constructor(host: Host, place: Place) {
    this.#host = host;
    this.#place = place;
  }

  async #bookmark(prefix: string, snapshot: string): Promise<string> {
    const { sender, push } = this.#place;
    const guid = await this.#host.guid(`${sender}@${snapshot}`);
    return `${sender}#${prefix}_G_${guid.toString(16).padStart(16, "0")}_J_${push}`;
  }

  async cursor(snapshot: string): Promise<void> {
    await this.#host.zfs(
      "bookmark",
      `${this.#place.sender}@${snapshot}`,
      await this.#bookmark("zrepl_CURSOR", snapshot),
    );
  }

  async dropCursor(snapshot: string): Promise<void> {
    await this.#host.zfs("destroy", await this.#bookmark("zrepl_CURSOR", snapshot));
  }

  async tentative(...snapshots: readonly string[]): Promise<void> {
    for (const snapshot of snapshots) {
      const name = await this.#bookmark("zrepl_CURSORTENTATIVE_", snapshot);
      await this.#host.zfs("bookmark", `${this.#place.sender}@${snapshot}`, name);
    }
  }

  async stepHold(...snapshots: readonly string[]): Promise<void> {
    const { sender, push } = this.#place;
    await this.#host.zfs("hold", `zrepl_STEP_J_${push}`, ...snapshots.map((snapshot) => `${sender}@${snapshot}`));
  }

  async releaseStep(...snapshots: readonly string[]): Promise<void> {
    const { sender, push } = this.#place;
    await this.#host.zfs("release", `zrepl_STEP_J_${push}`, ...snapshots.map((snapshot) => `${sender}@${snapshot}`));
  }

  async lastReceived(snapshot: string): Promise<void> {
    const { receiver, sink } = this.#place;
    await this.#host.zfs("hold", `zrepl_last_received_J_${sink}`, `${receiver}@${snapshot}`);
  }

  async releaseReceived(snapshot: string): Promise<void> {
    const { receiver, sink } = this.#place;
    await this.#host.zfs("release", `zrepl_last_received_J_${sink}`, `${receiver}@${snapshot}`);
  }

  async destroy(snapshot: string): Promise<void> {
    await this.#host.zfs("destroy", `${this.#place.sender}@${snapshot}`);
  }

  /** Marks as zrepl 0.1 and later do, or as 0.0 did. */
  async placeholder(form: "on" | "hash"): Promise<void> {
    const { receiver } = this.#place;
    const value = form === "on" ? "on" : createHash("sha512-256").update(receiver).digest("hex");
    await this.#host.zfs("create", "-o", `zrepl:placeholder=${value}`, "-o", "mountpoint=none", receiver);
  }

  async replacePlaceholder(): Promise<void> {
    await this.#host.zfs("set", "zrepl:placeholder=off", this.#place.receiver);
  }

  async send(from: string | undefined, to: string, how: { cut?: boolean; force?: boolean } = {}): Promise<void> {
    const { sender, receiver } = this.#place;
    const base = from === undefined ? [] : ["-i", `${sender}@${from}`];
    const force = how.force === true ? ["-F"] : [];
    const recv = [...force, "-s", "-u", `${receiver}@${to}`];
    await this.#host.transfer([...base, `${sender}@${to}`], recv, how.cut === true ? CUT : undefined);
  }

  /** A finished replication of @1. */
  async atRest(): Promise<void> {
    await this.send(undefined, "1");
    await this.lastReceived("1");
    await this.cursor("1");
  }

  /** A step @1 → @2 with guarantee_resumability, up to its n-th operation. */
  async step(operations: number): Promise<void> {
    await this.atRest();
    const all = [
      () => this.stepHold("1", "2"),
      () => this.send("1", "2"),
      () => this.lastReceived("2"),
      () => this.releaseReceived("1"),
      () => this.cursor("2"),
      () => this.releaseStep("1", "2"),
      () => this.dropCursor("1"),
    ];
    for (const operation of all.slice(0, operations)) await operation();
  }
}

const REST = ["@1 → @2", "@2 → @3"];
const AFTER = ["@2 → @3"];

export const STATES: readonly State[] = [
  { name: "at rest", build: (zrepl) => zrepl.atRest(), steps: REST, simulatedOnly: true },
  { name: "step holds made", build: (zrepl) => zrepl.step(1), steps: REST, simulatedOnly: true },
  { name: "step received", build: (zrepl) => zrepl.step(2), steps: AFTER },
  { name: "new last-received hold", build: (zrepl) => zrepl.step(3), steps: AFTER },
  { name: "old last-received hold released", build: (zrepl) => zrepl.step(4), steps: AFTER, simulatedOnly: true },
  { name: "new cursor", build: (zrepl) => zrepl.step(5), steps: AFTER },
  { name: "step holds released", build: (zrepl) => zrepl.step(6), steps: AFTER, simulatedOnly: true },
  { name: "old cursor destroyed", build: (zrepl) => zrepl.step(7), steps: AFTER, simulatedOnly: true },
  {
    name: "step cut",
    build: async (zrepl) => {
      await zrepl.step(1);
      await zrepl.send("1", "2", { cut: true });
    },
    steps: ["resume @1 → @2", "@2 → @3"],
  },
  {
    name: "pruned to the cursor",
    build: async (zrepl) => {
      await zrepl.atRest();
      await zrepl.destroy("1");
    },
    steps: ["#cursor → @2", "@2 → @3"],
  },
  {
    name: "tentative cursors and a step cut",
    build: async (zrepl) => {
      await zrepl.atRest();
      await zrepl.tentative("1", "2");
      await zrepl.send("1", "2", { cut: true });
    },
    steps: ["resume @1 → @2", "@2 → @3"],
  },
  {
    name: "tentative cursors and all received",
    build: async (zrepl) => {
      await zrepl.atRest();
      await zrepl.tentative("1", "2");
      await zrepl.send("1", "2");
      await zrepl.lastReceived("2");
      await zrepl.cursor("2");
    },
    steps: AFTER,
    simulatedOnly: true,
  },
  {
    name: "tentative cursors of destroyed snapshots",
    build: async (zrepl) => {
      await zrepl.atRest();
      await zrepl.tentative("1", "2");
      await zrepl.send("1", "2");
      await zrepl.dropCursor("1");
      await zrepl.destroy("1");
      await zrepl.destroy("2");
    },
    steps: ["#tentative → @3"],
  },
  {
    name: "initial step held",
    build: async (zrepl) => {
      await zrepl.stepHold("3");
    },
    steps: ["full → @3"],
    simulatedOnly: true,
  },
  {
    name: "initial step cut",
    build: async (zrepl) => {
      await zrepl.stepHold("3");
      await zrepl.send(undefined, "3", { cut: true });
    },
    steps: ["resume full → @3"],
  },
  {
    name: "initial step received",
    build: async (zrepl) => {
      await zrepl.stepHold("3");
      await zrepl.send(undefined, "3");
    },
    steps: [],
  },
  ...(["on", "hash"] as const).map((form) => ({
    name: `placeholder ${form}`,
    build: async (zrepl: Zrepl) => {
      await zrepl.placeholder(form);
    },
    steps: ["full → @3"],
  })),
  {
    name: "placeholder, initial step cut",
    build: async (zrepl) => {
      await zrepl.placeholder("on");
      await zrepl.stepHold("3");
      await zrepl.replacePlaceholder();
      await zrepl.send(undefined, "3", { cut: true, force: true });
    },
    steps: ["resume full → @3"],
  },
];

/** A bookmark's name without guid and job, to compare. */
export function stepText({ from = "full", to, resumed }: { from?: string; to: string; resumed: boolean }): string {
  const base = from.replace(/^#zrepl_CURSORTENTATIVE__G_.*/, "#tentative").replace(/^#zrepl_CURSOR_G_.*/, "#cursor");
  return `${resumed ? "resume " : ""}${base} → ${to}`;
}
