import type { Pattern } from "./config.ts";
import type { PatternCompiler } from "./grammar/pattern.ts";
import { pointerTo } from "./places.ts";
import type { SourceFile } from "./source.ts";

/** A place in a config file, handed down beside the raw value: where to report what the schema cannot say. */
export class Site {
  readonly source: SourceFile;
  readonly pointer: string;
  readonly #compile: PatternCompiler;
  readonly #warnings: string[];

  constructor(source: SourceFile, pointer: string, compile: PatternCompiler, warnings: string[]) {
    this.source = source;
    this.pointer = pointer;
    this.#compile = compile;
    this.#warnings = warnings;
  }

  at(...segments: readonly (string | number)[]): Site {
    return new Site(this.source, pointerTo(this.pointer, ...segments), this.#compile, this.#warnings);
  }

  problem(text: string): void {
    this.source.problem(this.pointer, text);
  }

  /** Something that is accepted but has no effect here, or surely not the one that was meant. */
  warn(text: string): void {
    this.#warnings.push(`${this.source.locate(this.pointer)}: ${text}`);
  }

  /** Whether the file itself has this key, so that its value is not a default. */
  isGiven(): boolean {
    return this.source.places.get(this.pointer) !== undefined;
  }

  /** Whether nothing here is wrong so far. */
  isSound(): boolean {
    return this.source.isSound(this.pointer);
  }

  /** `FILE:LINE:COL` of the value. */
  position(): string {
    return this.source.position(this.source.places.nearest(this.pointer).offset);
  }

  pattern(regex: string): Pattern {
    return this.#compile(regex);
  }
}
