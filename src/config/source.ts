import { LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { Places, pathTo, pointerTo } from "./places.ts";

export interface Problem {
  /** Where in the file, for sorting. */
  readonly offset: number;
  /** `FILE:LINE:COL: PATH.IN.DOCUMENT: what is wrong; what would be right`. */
  readonly text: string;
}

/** One config file: its YAML tree, where everything stands in it, and what is wrong with it. */
export class SourceFile {
  readonly places = new Places();
  readonly problems: Problem[] = [];
  readonly #lines = new LineCounter();
  readonly #reported = new Set<string>();
  readonly file: string;
  /** `FILE:LINE:COL` of a second YAML document, if there is one. */
  ignored: string | undefined;
  /** null for an empty document, undefined when the YAML itself is broken. */
  readonly root: ParsedNode | null | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.root = this.#parse(text);
  }

  /**
   * All scalars stay text (failsafe): what they mean depends on the key, see coerce.ts. zrepl reads one document and does
   * not even look at what follows.
   */
  #parse(text: string): ParsedNode | null | undefined {
    const documents = parseAllDocuments(text, {
      schema: "failsafe",
      version: "1.1",
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter: this.#lines,
    });
    const [first, second] = documents;
    const error = first?.errors[0];
    if (error !== undefined) {
      this.#syntaxError(text, error.pos[0], error.message);
      return undefined;
    }
    if (second !== undefined) this.ignored = this.position(second.range[0]);
    return first?.contents ?? null;
  }

  /** Only the first: what follows a syntax error is seldom an error of its own. */
  #syntaxError(text: string, offset: number, message: string): void {
    const hint = /^[*&@`%]/.test(text.slice(offset)) ? "; a text that starts with this character must be quoted" : "";
    this.#add(offset, "", `not valid YAML: ${message}${hint}`);
  }

  /** Reports a problem with the value at a pointer; only the first one of each value, as others follow from it. */
  problem(pointer: string, text: string, where: "value" | "key" = "value"): void {
    if (this.#reported.has(pointer)) return;
    this.#reported.add(pointer);
    const place = this.places.nearest(pointer);
    this.#add(where === "key" ? place.keyOffset : place.offset, place.path, text);
  }

  /** Reports a key that is missing in the map at a pointer. */
  missing(pointer: string, key: string, text: string): void {
    const { path, offset } = this.places.nearest(pointer);
    const absent = pointerTo(pointer, key);
    if (this.#reported.has(absent)) return;
    this.#reported.add(absent);
    this.#add(offset, pathTo(path, key), text);
  }

  /** Reports a key that has no place, because it must not be where it is. */
  misplaced(pointer: string, path: string, offset: number, text: string): void {
    this.#reported.add(pointer);
    this.#add(offset, path, text);
  }

  /** Whether something below the pointer (or itself) is wrong, so that it must not be used. */
  isSound(pointer: string): boolean {
    return ![...this.#reported].some((reported) => reported === pointer || reported.startsWith(`${pointer}/`));
  }

  /** `FILE:LINE:COL: PATH` of a value. */
  locate(pointer: string): string {
    const { path, offset } = this.places.nearest(pointer);
    return `${this.position(offset)}: ${path}`;
  }

  /** `FILE:LINE:COL`. */
  position(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  #add(offset: number, path: string, what: string): void {
    this.problems.push({ offset, text: `${this.position(offset)}: ${path === "" ? "document" : path}: ${what}` });
  }
}
