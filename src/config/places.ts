import type { Shape } from "./shape.ts";

/** Where a value of the document stands in the file, and what the schema says about it. */
export interface Place {
  /** As an operator reads it: `jobs[0].pruning.keep_sender[1].grid`. */
  readonly path: string;
  /** Offset of the key (of the value in lists); names the place when the value is absent. */
  readonly keyOffset: number;
  /** Offset of the value's first character. */
  readonly offset: number;
  readonly shape: Shape | undefined;
  readonly value: unknown;
}

const NOWHERE: Place = { path: "", keyOffset: 0, offset: 0, shape: undefined, value: undefined };

/** All values of one document by JSON pointer, as the validator reports them (`/jobs/0/name`). */
export class Places {
  readonly #places = new Map<string, Place>();

  set(pointer: string, place: Place): void {
    this.#places.set(pointer, place);
  }

  get(pointer: string): Place | undefined {
    return this.#places.get(pointer);
  }

  /** The place, or that of the nearest ancestor for what a default filled in. */
  nearest(pointer: string): Place {
    for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
      const place = this.#places.get(at);
      if (place !== undefined) return place;
      if (at === "") return NOWHERE;
    }
  }
}

/** The JSON pointer of a key or index below a pointer. */
export function pointerTo(parent: string, ...segments: readonly (string | number)[]): string {
  return parent + segments.map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The readable path of a key or index below a path. */
export function pathTo(parent: string, segment: string | number): string {
  if (typeof segment === "number") return `${parent}[${segment}]`;
  if (!/^[A-Za-z_][\w-]*$/.test(segment)) return `${parent}[${JSON.stringify(segment)}]`;
  return parent === "" ? segment : `${parent}.${segment}`;
}
