import type { Random } from "../../random.ts";
import { type Cut, type Operation, tokenOf } from "./operation.ts";
import type { NamePicker } from "./pick.ts";

/** What a sequence works on. */
export interface Names {
  readonly source: string;
  readonly target: string;
  /** Path of a file with a passphrase, for encrypted filesystems. */
  readonly keyFile: string;
  readonly withEncryption: boolean;
}

/** Makes sends, receives, cuts and resumes. */
export class TransferGenerator {
  readonly #pick: NamePicker;
  readonly #random: Random;
  readonly #names: Names;

  constructor(pick: NamePicker, random: Random, names: Names) {
    this.#pick = pick;
    this.#random = random;
    this.#names = names;
  }

  /** Arguments of `zfs send`; from and to fit mostly. */
  sendArguments(dry: boolean): string[] {
    const random = this.#random;
    const to = this.#pick.snap();
    const fs = to.slice(0, to.indexOf("@"));
    const flags = [
      ...(random.chance(0.15) ? ["-p"] : []),
      ...(random.chance(0.1) ? ["-c", "-e", "-L"] : []),
      ...(random.chance(this.#names.withEncryption ? 0.5 : 0.1) ? ["-w"] : []),
    ];
    const from = random.weighted<string[]>([
      [4, []],
      [4, ["-i", this.#pick.snap(fs)]],
      [2, ["-i", this.#pick.bookmark(fs)]],
      [1, ["-I", this.#pick.snap(fs)]],
      [0.3, ["-i", this.#pick.snap()]],
      [0.2, ["-I", this.#pick.bookmark(fs)]],
    ]);
    return ["zfs", "send", ...(dry ? ["-nvP"] : []), ...flags, ...from, to];
  }

  /** An increment that fits what the receiver has, if there is one. */
  #fittingSend(): { send: string[]; fs: string } | undefined {
    const fits = this.#pick
      .datasets()
      .flatMap((receiver) =>
        this.#pick
          .datasets()
          .flatMap((sender) =>
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

  /** A send into a receive. */
  pipe(): Operation {
    const random = this.#random;
    const saved = this.#pick.datasets().filter((dataset) => dataset.partial !== null);
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
    if (fitting !== undefined)
      return { do: "pipe", send: fitting.send, recv: [...recv, fitting.fs], cut: suitableCut(fitting.send, cut) };
    const target = random.chance(0.7)
      ? `${this.#names.target}/${random.pick(["r1", "r2", "r1/x", "a"])}`
      : this.#pick.fs();
    const send = this.sendArguments(false);
    return {
      do: "pipe",
      send,
      recv: [...recv, target + (random.chance(0.1) ? "@other" : "")],
      cut: suitableCut(send, cut),
    };
  }

  /** Something with a resume token. */
  tokenOperation(): Operation {
    const saved = this.#pick.datasets().filter((dataset) => dataset.partial !== null);
    const name = saved.length > 0 && this.#random.chance(0.9) ? this.#random.pick(saved).name : this.#pick.fs();
    if (this.#random.chance(0.4)) return { do: "exec", argv: ["zfs", "recv", "-A", name] };
    return { do: "exec", argv: ["zfs", "send", "-nvP", "-t", tokenOf(name)] };
  }
}

/** A share of a small compound stream may be its header here and its data there: such streams are cut by bytes only. */
function suitableCut(send: readonly string[], cut: Cut): Cut {
  const isCompound = send.includes("-p") || send.includes("-I");
  return isCompound && cut !== null && "share" in cut ? null : cut;
}
