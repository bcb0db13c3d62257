import type { ZfsSimulator } from "../simulator.ts";
import type { Dataset } from "../world.ts";
import { type Cut, type Operation, tokenOf } from "./operation.ts";
import type { Random } from "./random.ts";

/** What a sequence works on. */
export interface Names {
  readonly source: string;
  readonly target: string;
  /** Path of a file with a passphrase, for encrypted filesystems. */
  readonly keyFile: string;
  readonly withEncryption: boolean;
}

const SNAPS = ["s1", "s2", "s3", "s4", "s 5"];
const BOOKS = ["b1", "b2", "b3"];
const TAGS = ["t1", "zrepl_STEP_J_my job"];
const PROPS = ["u:p", "zrepl:placeholder"];

/** Chooses operations by looking at the simulated world, so that most of them make sense. */
export class Generator {
  readonly #sim: ZfsSimulator;
  readonly #random: Random;
  readonly #names: Names;
  #writes = 0;

  constructor(sim: ZfsSimulator, random: Random, names: Names) {
    this.#sim = sim;
    this.#random = random;
    this.#names = names;
  }

  #datasets(): Dataset[] {
    return Object.values(this.#sim.world.pools)
      .flatMap((pool) => Object.values(pool.datasets))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A dataset that is there, mostly; below the pools only if `below`. */
  #fs(below = true): string {
    const all = this.#datasets().map((dataset) => dataset.name);
    const wanted = below ? all.filter((name) => name.includes("/")) : all;
    if (wanted.length === 0 || this.#random.chance(0.04)) return `${this.#names.source}/nope`;
    return this.#random.pick(wanted);
  }

  #newFs(): string {
    const parents = this.#datasets()
      .map((dataset) => dataset.name)
      .filter((name) => name.split("/").length < 4);
    return `${this.#random.pick(parents)}/${this.#random.pick(["a", "b", "c-d", "e f"])}`;
  }

  /** A snapshot that is there, mostly. */
  #snap(fs?: string): string {
    const all = this.#datasets()
      .filter((dataset) => fs === undefined || dataset.name === fs)
      .flatMap((dataset) => dataset.snapshots.map((snapshot) => `${dataset.name}@${snapshot.name}`));
    if (all.length === 0 || this.#random.chance(0.05)) return `${fs ?? this.#fs()}@${this.#random.pick(SNAPS)}`;
    return this.#random.pick(all);
  }

  #bookmark(fs?: string): string {
    const all = this.#datasets()
      .filter((dataset) => fs === undefined || dataset.name === fs)
      .flatMap((dataset) => dataset.bookmarks.map((bookmark) => `${dataset.name}#${bookmark.name}`));
    if (all.length === 0 || this.#random.chance(0.05)) return `${fs ?? this.#fs()}#${this.#random.pick(BOOKS)}`;
    return this.#random.pick(all);
  }

  #zfs(...args: readonly string[]): Operation {
    return { do: "exec", argv: ["zfs", ...args] };
  }

  #create(): Operation {
    const random = this.#random;
    const name = this.#newFs();
    const encryption = [
      "-o",
      "encryption=on",
      "-o",
      "keyformat=passphrase",
      "-o",
      `keylocation=file://${this.#names.keyFile}`,
    ];
    if (this.#names.withEncryption && random.chance(0.5)) return this.#zfs("create", ...encryption, name);
    if (random.chance(0.1)) return this.#zfs("create", "-s", "-V", "8M", name);
    if (random.chance(0.2)) return this.#zfs("create", "-o", "zrepl:placeholder=on", "-o", "mountpoint=none", name);
    if (random.chance(0.2)) return this.#zfs("create", "-p", `${name}/x`);
    return this.#zfs("create", name);
  }

  #snapshot(): Operation {
    const random = this.#random;
    const snap = random.pick(SNAPS);
    if (random.chance(0.2)) return this.#zfs("snapshot", "-r", `${this.#fs(false)}@${snap}`);
    if (random.chance(0.2))
      return this.#zfs("snapshot", `${this.#fs()}@${snap}`, `${this.#fs()}@${random.pick(SNAPS)}`);
    if (random.chance(0.1)) return this.#zfs("snapshot", "-o", "u:s=v", `${this.#fs()}@${snap}`);
    return this.#zfs("snapshot", `${this.#fs()}@${snap}`);
  }

  #destroySnapshots(): Operation {
    const random = this.#random;
    const fs = this.#fs();
    const tail = (name: string): string => name.slice(name.indexOf("@") + 1);
    const flags = random.weighted<string[]>([
      [6, []],
      [1, ["-nvp"]],
      [1, ["-v"]],
      [1, ["-d"]],
      [1, ["-nv"]],
      [1, ["-r"]],
    ]);
    const count = 1 + random.below(3);
    const names = Array.from({ length: count }, () => tail(this.#snap(fs)));
    const spec = random.chance(0.15)
      ? `${tail(this.#snap(fs))}%${random.chance(0.5) ? tail(this.#snap(fs)) : ""}`
      : names.join(",");
    return this.#zfs("destroy", ...flags, `${fs}@${spec}`);
  }

  #destroyFs(): Operation {
    const flags = this.#random.weighted<string[]>([
      [3, []],
      [2, ["-r"]],
      [1, ["-rnv"]],
      [1, ["-v"]],
      [0.3, ["-rv"]],
    ]);
    return this.#zfs("destroy", ...flags, this.#fs());
  }

  #bookmarkOperation(): Operation {
    const random = this.#random;
    const fs = this.#fs();
    if (random.chance(0.25)) return this.#zfs("destroy", this.#bookmark());
    const source = random.chance(0.2) ? this.#bookmark(fs) : this.#snap(fs);
    const target = random.chance(0.1) ? this.#fs() : fs;
    return this.#zfs("bookmark", source, `${target}#${random.pick(BOOKS)}`);
  }

  #holds(): Operation {
    const random = this.#random;
    const verb = random.weighted([
      [3, "hold"],
      [3, "release"],
      [1, "holds"],
    ]);
    const snaps = Array.from({ length: 1 + random.below(3) }, () => this.#snap());
    if (verb === "holds") return this.#zfs("holds", ...random.pick([[], ["-H"]]), ...snaps);
    const recursive = random.chance(0.15) ? ["-r"] : [];
    return this.#zfs(verb, ...recursive, random.pick(TAGS), ...snaps);
  }

  #rename(): Operation {
    const random = this.#random;
    if (random.chance(0.5)) {
      const from = this.#snap();
      const to = `${from.slice(0, from.indexOf("@"))}@${random.pick(SNAPS)}`;
      return this.#zfs("rename", ...random.pick([[], ["-r"]]), from, to);
    }
    return this.#zfs("rename", this.#fs(), random.chance(0.8) ? this.#newFs() : this.#fs());
  }

  #properties(): Operation {
    const random = this.#random;
    const target = random.chance(0.2) ? this.#snap() : this.#fs(false);
    const property = random.pick(PROPS);
    return random.weighted([
      [2, this.#zfs("set", `${property}=${random.pick(["on", "off", "x y"])}`, target)],
      [1, this.#zfs("inherit", property, target)],
      [1, this.#zfs("get", "-Hp", "-o", "name,property,value,source", `${property},type`, target, this.#fs())],
      [
        1,
        this.#zfs(
          "get",
          "-Hp",
          "-r",
          "-s",
          "local,received",
          "-o",
          "name,property,value,source",
          "u:p,zrepl:placeholder,u:s",
          this.#fs(false),
        ),
      ],
      [
        1,
        this.#zfs(
          "get",
          "-Hp",
          "-d",
          "1",
          "-t",
          "filesystem,snapshot",
          "-o",
          "name,value,source",
          "u:p,readonly,origin",
          this.#fs(false),
        ),
      ],
    ]);
  }

  #list(): Operation {
    const random = this.#random;
    const types = random.pick([
      "all",
      "filesystem,volume",
      "snapshot",
      "snapshot,bookmark",
      "bookmark",
      "filesystem",
      "volume,snapshot",
    ]);
    const depth = random.weighted<string[]>([
      [3, ["-r"]],
      [1, []],
      [1, ["-d", "1"]],
      [1, ["-d", "0"]],
      [1, ["-d", "2"]],
    ]);
    const order = random.weighted<string[]>([
      [3, []],
      [1, ["-s", "createtxg"]],
      [1, ["-S", "createtxg"]],
      [1, ["-s", "name"]],
      [1, ["-S", "name"]],
      [1, ["-s", "userrefs"]],
      [1, ["-s", "type"]],
    ]);
    const roots = Array.from({ length: random.below(3) }, () =>
      random.weighted([
        [3, this.#fs(false)],
        [1, this.#snap()],
        [1, this.#bookmark()],
      ]),
    );
    const plain = random.chance(0.1) ? [] : ["-Hp"];
    if (roots.length === 0) roots.push(this.#names.source, this.#names.target);
    return this.#zfs("list", ...plain, ...depth, "-t", types, "-o", "name,userrefs,type,u:p", ...order, ...roots);
  }

  #sendArguments(dry: boolean): string[] {
    const random = this.#random;
    const to = this.#snap();
    const fs = to.slice(0, to.indexOf("@"));
    const flags = [
      ...(random.chance(0.15) ? ["-p"] : []),
      ...(random.chance(0.1) ? ["-c", "-e", "-L"] : []),
      ...(random.chance(this.#names.withEncryption ? 0.5 : 0.1) ? ["-w"] : []),
    ];
    const from = random.weighted<string[]>([
      [4, []],
      [4, ["-i", this.#snap(fs)]],
      [2, ["-i", this.#bookmark(fs)]],
      [1, ["-I", this.#snap(fs)]],
      [0.3, ["-i", this.#snap()]],
      [0.2, ["-I", this.#bookmark(fs)]],
    ]);
    return ["zfs", "send", ...(dry ? ["-nvP"] : []), ...flags, ...from, to];
  }

  /** An increment that fits what the receiver has, if there is one. */
  #fittingSend(): { send: string[]; fs: string } | undefined {
    const fits = this.#datasets().flatMap((receiver) =>
      this.#datasets().flatMap((sender) =>
        sender === receiver
          ? []
          : [...sender.snapshots.entries()].flatMap(([i, snapshot]) =>
              receiver.snapshots.some((other) => other.guid === snapshot.guid) && i + 1 < sender.snapshots.length
                ? [{ sender, receiver, base: snapshot, to: this.#random.pick(sender.snapshots.slice(i + 1)) }]
                : [],
            ),
      ),
    );
    if (fits.length === 0) return undefined;
    const { sender, receiver, base, to } = this.#random.pick(fits);
    const raw = this.#names.withEncryption && this.#random.chance(0.5) ? ["-w"] : [];
    const mode = this.#random.chance(0.25) ? "-I" : "-i";
    return { send: ["zfs", "send", ...raw, mode, `@${base.name}`, `${sender.name}@${to.name}`], fs: receiver.name };
  }

  #cut(): Cut {
    return this.#random.weighted<Cut>([
      [6, null],
      [1, { share: 0.3 }],
      [2, { share: 0.6 }],
      [1, { share: 0.9 }],
      [0.3, { bytes: 0 }],
      [0.3, { bytes: 100 }],
      [0.3, { bytes: 312 }],
    ]);
  }

  #receiveFlags(): string[] {
    const random = this.#random;
    return [
      ...(random.chance(0.5) ? ["-s"] : []),
      ...(random.chance(0.25) ? ["-F"] : []),
      ...(random.chance(0.5) ? ["-u"] : []),
      ...(random.chance(0.15) ? ["-o", "u:p=recv"] : []),
      ...(random.chance(0.1) ? ["-x", "u:p"] : []),
    ];
  }

  #pipe(): Operation {
    const random = this.#random;
    const saved = this.#datasets().filter((dataset) => dataset.partial !== null);
    const cut = this.#cut();
    if (saved.length > 0 && random.chance(0.5)) {
      const { name } = random.pick(saved);
      return {
        do: "pipe",
        send: ["zfs", "send", "-t", tokenOf(name)],
        recv: ["zfs", "recv", ...this.#receiveFlags(), name],
        cut,
      };
    }
    const fitting = random.chance(0.6) ? this.#fittingSend() : undefined;
    const recv = ["zfs", "recv", ...this.#receiveFlags()];
    if (fitting !== undefined) return { do: "pipe", send: fitting.send, recv: [...recv, fitting.fs], cut };
    const target = random.chance(0.7) ? `${this.#names.target}/${random.pick(["r1", "r2", "r1/x", "a"])}` : this.#fs();
    return {
      do: "pipe",
      send: this.#sendArguments(false),
      recv: [...recv, target + (random.chance(0.1) ? "@other" : "")],
      cut,
    };
  }

  #tokenOperation(): Operation {
    const saved = this.#datasets().filter((dataset) => dataset.partial !== null);
    const name = saved.length > 0 && this.#random.chance(0.9) ? this.#random.pick(saved).name : this.#fs();
    if (this.#random.chance(0.4)) return this.#zfs("recv", "-A", name);
    return this.#zfs("send", "-nvP", "-t", tokenOf(name));
  }

  #write(): Operation {
    const mounted = this.#datasets().filter((dataset) => dataset.mounted);
    if (mounted.length === 0) return this.#create();
    const id = this.#random.chance(0.3) ? "same" : `w${this.#writes++}`;
    return { do: "write", fs: this.#random.pick(mounted).name, id, bytes: 1 + this.#random.below(600_000) };
  }

  #keys(): Operation {
    const roots = this.#datasets().filter((dataset) => dataset.encryption !== null);
    const name = roots.length === 0 ? this.#fs() : this.#random.pick(roots).name;
    return this.#zfs(this.#random.pick(["load-key", "unload-key"]), name);
  }

  /** An operation that makes something. */
  start(): Operation {
    return this.#random.pick([
      () => this.#create(),
      () => this.#create(),
      () => this.#write(),
      () => this.#snapshot(),
    ])();
  }

  /** The next operation. */
  next(): Operation {
    const make = this.#random.weighted<() => Operation>([
      [8, () => this.#create()],
      [16, () => this.#snapshot()],
      [8, () => this.#write()],
      [8, () => this.#destroySnapshots()],
      [3, () => this.#destroyFs()],
      [6, () => this.#bookmarkOperation()],
      [8, () => this.#holds()],
      [4, () => this.#rename()],
      [3, () => this.#zfs("rollback", ...this.#random.pick([[], ["-r"]]), this.#snap())],
      [2, () => this.#zfs("clone", this.#snap(), this.#newFs())],
      [1, () => this.#zfs("promote", this.#fs())],
      [6, () => this.#properties()],
      [6, () => this.#list()],
      [22, () => this.#pipe()],
      [3, () => this.#tokenOperation()],
      [4, () => ({ do: "exec", argv: this.#sendArguments(true) })],
      [this.#names.withEncryption ? 3 : 0, () => this.#keys()],
    ]);
    return make();
  }
}
