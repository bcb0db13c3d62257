import type { Random } from "../../random.ts";
import type { ZfsSimulator } from "../simulator.ts";
import { type Names, TransferGenerator } from "./generate-transfer.ts";
import type { Operation } from "./operation.ts";
import { BOOKMARK_NAMES, NamePicker, SNAPSHOT_NAMES } from "./pick.ts";

const TAGS = ["t1", "zrepl_STEP_J_my job"];
const PROPS = ["u:p", "zrepl:placeholder"];

/** Chooses operations by looking at the simulated world, so that most of them make sense. */
export class Generator {
  readonly #pick: NamePicker;
  readonly #random: Random;
  readonly #transfers: TransferGenerator;
  readonly #names: Names;
  #writes = 0;

  constructor(sim: ZfsSimulator, random: Random, names: Names) {
    this.#pick = new NamePicker(sim, random, names.source);
    this.#random = random;
    this.#transfers = new TransferGenerator(this.#pick, random, names);
    this.#names = names;
  }

  #zfs(...args: readonly string[]): Operation {
    return { do: "exec", argv: ["zfs", ...args] };
  }

  #create(): Operation {
    const random = this.#random;
    const name = this.#pick.newFs();
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
    const snap = random.pick(SNAPSHOT_NAMES);
    if (random.chance(0.2)) return this.#zfs("snapshot", "-r", `${this.#pick.fs(false)}@${snap}`);
    if (random.chance(0.2))
      return this.#zfs("snapshot", `${this.#pick.fs()}@${snap}`, `${this.#pick.fs()}@${random.pick(SNAPSHOT_NAMES)}`);
    if (random.chance(0.1)) return this.#zfs("snapshot", "-o", "u:s=v", `${this.#pick.fs()}@${snap}`);
    return this.#zfs("snapshot", `${this.#pick.fs()}@${snap}`);
  }

  #destroySnapshots(): Operation {
    const random = this.#random;
    const fs = this.#pick.fs();
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
    const names = Array.from({ length: count }, () => tail(this.#pick.snap(fs)));
    const spec = random.chance(0.15)
      ? `${tail(this.#pick.snap(fs))}%${random.chance(0.5) ? tail(this.#pick.snap(fs)) : ""}`
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
    return this.#zfs("destroy", ...flags, this.#pick.fs());
  }

  #bookmarkOperation(): Operation {
    const random = this.#random;
    const fs = this.#pick.fs();
    if (random.chance(0.25)) return this.#zfs("destroy", this.#pick.bookmark());
    const source = random.chance(0.2) ? this.#pick.bookmark(fs) : this.#pick.snap(fs);
    const target = random.chance(0.1) ? this.#pick.fs() : fs;
    return this.#zfs("bookmark", source, `${target}#${random.pick(BOOKMARK_NAMES)}`);
  }

  #holds(): Operation {
    const random = this.#random;
    const verb = random.weighted([
      [3, "hold"],
      [3, "release"],
      [1, "holds"],
    ]);
    const snaps = Array.from({ length: 1 + random.below(3) }, () => this.#pick.snap());
    if (verb === "holds") return this.#zfs("holds", ...random.pick([[], ["-H"]]), ...snaps);
    const recursive = random.chance(0.15) ? ["-r"] : [];
    return this.#zfs(verb, ...recursive, random.pick(TAGS), ...snaps);
  }

  #rename(): Operation {
    const random = this.#random;
    if (random.chance(0.5)) {
      const from = this.#pick.snap();
      const to = `${from.slice(0, from.indexOf("@"))}@${random.pick(SNAPSHOT_NAMES)}`;
      return this.#zfs("rename", ...random.pick([[], ["-r"]]), from, to);
    }
    return this.#zfs("rename", this.#pick.fs(), random.chance(0.8) ? this.#pick.newFs() : this.#pick.fs());
  }

  #properties(): Operation {
    const random = this.#random;
    const target = random.chance(0.2) ? this.#pick.snap() : this.#pick.fs(false);
    const property = random.pick(PROPS);
    return random.weighted([
      [2, this.#zfs("set", `${property}=${random.pick(["on", "off", "x y"])}`, target)],
      [1, this.#zfs("inherit", property, target)],
      [1, this.#zfs("get", "-Hp", "-o", "name,property,value,source", `${property},type`, target, this.#pick.fs())],
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
          this.#pick.fs(false),
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
          this.#pick.fs(false),
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
        [3, this.#pick.fs(false)],
        [1, this.#pick.snap()],
        [1, this.#pick.bookmark()],
      ]),
    );
    const plain = random.chance(0.1) ? [] : ["-Hp"];
    if (roots.length === 0) roots.push(this.#names.source, this.#names.target);
    return this.#zfs("list", ...plain, ...depth, "-t", types, "-o", "name,userrefs,type,u:p", ...order, ...roots);
  }

  #write(): Operation {
    const mounted = this.#pick.datasets().filter((dataset) => dataset.mounted);
    if (mounted.length === 0) return this.#create();
    const id = this.#random.chance(0.3) ? "same" : `w${this.#writes++}`;
    return { do: "write", fs: this.#random.pick(mounted).name, id, bytes: 1 + this.#random.below(600_000) };
  }

  #keys(): Operation {
    const roots = this.#pick.datasets().filter((dataset) => dataset.encryption !== null);
    const name = roots.length === 0 ? this.#pick.fs() : this.#random.pick(roots).name;
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
      [3, () => this.#zfs("rollback", ...this.#random.pick([[], ["-r"]]), this.#pick.snap())],
      [2, () => this.#zfs("clone", this.#pick.snap(), this.#pick.newFs())],
      [1, () => this.#zfs("promote", this.#pick.fs())],
      [6, () => this.#properties()],
      [6, () => this.#list()],
      [22, () => this.#transfers.pipe()],
      [3, () => this.#transfers.tokenOperation()],
      [4, () => ({ do: "exec", argv: this.#transfers.sendArguments(true) })],
      [this.#names.withEncryption ? 3 : 0, () => this.#keys()],
    ]);
    return make();
  }
}
