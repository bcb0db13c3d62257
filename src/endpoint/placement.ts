/**
 * Where a sender's filesystems are on the receiver: below the root under their own names, without a prefix
 * (`recv.strip_prefix`), or where `recv.root_mapping` says. Nothing is ever outside the root. Pure.
 */
import type { RecvOptions, RootMapping } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { filesystemNameProblem, isBelow } from "../zfs/name.ts";
import type { Misplaced } from "./endpoint.ts";
import { UNKNOWN_COMPONENT } from "./stripped-name.ts";

export type Place = { readonly kind: "at"; readonly name: string } | Misplaced;

export class Placement {
  readonly root: string;
  readonly #mapping: RootMapping | undefined;
  readonly #strip: number;

  constructor(root: string, { rootMapping, stripPrefix = 0 }: Pick<RecvOptions, "rootMapping" | "stripPrefix">) {
    this.root = root;
    this.#mapping = rootMapping;
    this.#strip = stripPrefix;
  }

  /** Whether names need a look at the config. */
  get isMapped(): boolean {
    return this.#mapping !== undefined || this.#strip > 0;
  }

  /** The receiver's name of a sender's filesystem. */
  placeOf(filesystem: string): Place {
    if (this.#strip > 0) return this.#strippedPlace(filesystem);
    const problem = filesystemNameProblem(filesystem);
    if (problem !== undefined) return nowhere(`filesystem name ${JSON.stringify(filesystem)} ${problem}`);
    if (this.#mapping === undefined) return this.#checked(filesystem, `${this.root}/${filesystem}`);
    const rule = ruleFor(filesystem, this.#mapping);
    if (rule === undefined)
      return nowhere(`no entry of recv.root_mapping is for ${filesystem}: add one, "!" to leave it out`);
    const [pattern, target] = rule;
    if (target === "!") return { kind: "leftOut", message: `recv.root_mapping says ${JSON.stringify(pattern)}: "!"` };
    return this.#checked(filesystem, join(target, restOf(filesystem, pattern)));
  }

  /** The same. @throws {FailedError} when it has none */
  nameOf(filesystem: string): string {
    const place = this.placeOf(filesystem);
    if (place.kind !== "at") throw new FailedError(place.message);
    return place.name;
  }

  /** The sender's name of what is here, maybe with stripped components; undefined = nothing that is received is here. */
  originalOf(name: string): string | undefined {
    if (this.#mapping === undefined)
      return isBelow(name, this.root)
        ? `${UNKNOWN_COMPONENT}/`.repeat(this.#strip) + name.slice(this.root.length + 1)
        : undefined;
    for (const [pattern, target] of this.#mapping) {
      if (name !== target && !(pattern.endsWith("<") && isBelow(name, target))) continue;
      const original = join(pathOf(pattern), name.slice(target.length + 1));
      const place = this.placeOf(original);
      if (place.kind === "at" && place.name === name) return original;
    }
    return undefined;
  }

  /** Which of the filesystems can't be received where they belong, and why; what is left out, too. */
  misplaced(filesystems: readonly string[]): Map<string, Misplaced> {
    const problems = new Map<string, Misplaced>();
    const first = new Map<string, string>();
    for (const filesystem of filesystems) {
      const place = this.placeOf(filesystem);
      if (place.kind !== "at") {
        problems.set(filesystem, place);
        continue;
      }
      const other = first.get(place.name);
      if (other === undefined) {
        first.set(place.name, filesystem);
        continue;
      }
      // neither: which of them is there can't be told from names
      const option = this.#strip > 0 ? "strip_prefix" : "root_mapping";
      const both = `recv.${option} leads ${other} and ${filesystem} to the same place, ${place.name}`;
      problems.set(other, nowhere(both)).set(filesystem, nowhere(both));
    }
    return problems;
  }

  #strippedPlace(filesystem: string): Place {
    const rest = filesystem.split("/").slice(this.#strip).join("/");
    if (rest !== "") return this.#checked(filesystem, `${this.root}/${rest}`);
    return nowhere(
      `recv.strip_prefix: ${this.#strip} leaves nothing of ${filesystem}; exclude it in filesystems, or say with recv.root_mapping where it goes`,
    );
  }

  #checked(filesystem: string, name: string): Place {
    const problem = filesystemNameProblem(name);
    if (problem !== undefined) return nowhere(`filesystem name ${JSON.stringify(filesystem)} ${problem}`);
    if (name === this.root || isBelow(name, this.root)) return { kind: "at", name };
    return nowhere(`recv.root_mapping leads ${filesystem} to ${name}, which is not below ${this.root}`);
  }
}

/** For messages, so also of what has no place. */
export function nameBy(placement: Placement): (filesystem: string) => string {
  return (filesystem) => {
    const place = placement.placeOf(filesystem);
    return place.kind === "at" ? place.name : filesystem;
  };
}

/** The exact entry, else that of the nearest subtree. */
function ruleFor(filesystem: string, mapping: RootMapping): [pattern: string, target: string] | undefined {
  const exact = mapping.get(filesystem);
  if (exact !== undefined) return [filesystem, exact];
  for (let path = filesystem; ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
    const target = mapping.get(`${path}<`);
    if (target !== undefined) return [`${path}<`, target];
    if (path === "") return undefined;
  }
}

function pathOf(pattern: string): string {
  return pattern.endsWith("<") ? pattern.slice(0, -1) : pattern;
}

/** What a subtree's entry appends to its target. */
function restOf(filesystem: string, pattern: string): string {
  const path = pathOf(pattern);
  return path === "" ? filesystem : filesystem.slice(path.length + 1);
}

function join(path: string, rest: string): string {
  if (path === "") return rest;
  return rest === "" ? path : `${path}/${rest}`;
}

function nowhere(message: string): Misplaced {
  return { kind: "nowhere", message };
}
